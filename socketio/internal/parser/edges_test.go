package parser_test

import "strings"

// edges are texts just inside and just outside of what is a valid packet.
func edges() []string {
	all := []string{
		"", " ", "\n", "\x00", "0", "00", "0/", "0/,", "0/admin", "0/admin,", "0/a,{}", "0{}", `0{"a":{"b":[]}}`, "0[]",
		"0null", `0"a"`, "0 {}", "01{}", "0{", "0{}}",
		"1", "1/a,", "1{}", "15", "1null", "1 ",
		"2", `2["a"]`, `2["a",1]`, `212["a"]`, `2/a,12["a"]`, `2/a?b=c,["a"]`, `2/a["a"]`, `2/,["a"]`, `2//,["a"]`,
		`2["a" , {"b" : 1} ]  `, `2 ["a"]`, `2 1["a"]`,
		`21 ["a"]`, `2-1["a"]`, `21.5["a"]`, `2[]`, `2[1]`, `2[-1.5e3]`, `2[1e999]`, `2[null]`, `2[""]`, `2["connect"]`,
		`2["connect_error"]`, `2["disconnect"]`,
		`2["disconnecting"]`, `2["newListener"]`, `2["removeListener"]`, `2["conn\u0065ct"]`, `2["Connect"]`, `2{}`,
		`2"a"`, `2["a"`, `2["a"],`, `2["a",]`, `2['a']`,
		`2["a",01]`, `2["a",1.]`, `2["a",.5]`, `2["a",+1]`, `2["a",-]`, `2["a",-0]`, `2["a",1e400]`,
		`2["a",9007199254740993]`, `2["a",18446744073709551616]`,
		`2["a",NaN]`, `2["a",Infinity]`, `2["a",undefined]`, `2["a",tru]`, `2["a","\ud83d"]`, `2["a","\ud83d\ude00"]`,
		`2["a","😀"]`, "2[\"a\",\"\u2028\u2029\u007f\"]",
		"2[\"a\",\"\t\"]", `2["a","\t\b\f\n\r\/\"\\"]`, `2["a","\v"]`, `2["a","\u00"]`, "2[\ufeff\"a\"]",
		"2[\u00a0\"a\"]", "2[\f\"a\"]",
		`2["a",{"__proto__":{"x":1},"constructor":{"prototype":{"x":1}},"toString":1,"hasOwnProperty":null}]`,
		`2["a",{"a":1,"a":2}]`, `2["a",{"toJSON":1}]`,
		`2["a",{"_placeholder":true,"num":0}]`, `2["a",{"":0," ":1}]`, `2["__proto__"]`,
		"29007199254740991[\"a\"]", "29007199254740992[\"a\"]", `2` + strings.Repeat("9", 400) + `["a"]`, `2007["a"]`,
		"3", "3[]", "31", "31[]", `31["a",null]`, `3/a,1[]`, "31{}", "31null", `31["connect"]`, "3/a,[]",
		"4", `4"a"`, `4{}`, `4{"message":"no"}`, "4[]", "4null", "41{}", `4/a,{"message":"no","data":{}}`,
		"5", "51", "51-", "5-", `5-["a"]`, `50-["a"]`, `5a-["a"]`, `5["a"]`, `5-1-["a"]`, `51e0-["a"]`, `50x1-["a"]`,
		`5 1-["a"]`, `5+1-["a"]`, `51.0-["a"]`, `501-["a"]`,
		`51-["a"]`, `511-["a"]`, `510-["a"]`, `51-{}`, `51-["connect",{"_placeholder":true,"num":0}]`,
		`51-[1,{"_placeholder":true,"num":0}]`,
		`51-["a",{"_placeholder":true,"num":0}]`, `51-/a,12["a",{"_placeholder":true,"num":0}]`,
		`51-["a",{"num":0,"_placeholder":true,"x":[]}]`,
		`51-["a",{"_placeholder":true,"num":1}]`, `51-["a",{"_placeholder":true,"num":-1}]`,
		`51-["a",{"_placeholder":true,"num":-4294967295}]`, `51-["a",{"_placeholder":true,"num":-4294967296}]`,
		`51-["a",{"_placeholder":true,"num":0.5}]`, `51-["a",{"_placeholder":true,"num":0.0}]`,
		`51-["a",{"_placeholder":true,"num":"0"}]`, `51-["a",{"_placeholder":true}]`,
		`51-["a",{"_placeholder":1,"num":0}]`, `51-["a",{"_placeholder":true,"num":null}]`,
		`52-["a",{"_placeholder":true,"num":0}]`,
		`52-["a",{"_placeholder":true,"num":0},{"_placeholder":true,"num":0}]`,
		`52-["a",{"_placeholder":true,"num":1},{"_placeholder":true,"num":0}]`,
		`51-["a",{"__proto__":{"_placeholder":true,"num":0}}]`, `51-["a",{"a":{"_placeholder":true,"num":0},"a":1}]`,
		`51-["a",[[{"b":[{"_placeholder":true,"num":0}]}]]]`,
		"6", "61-", `61-1[{"_placeholder":true,"num":0}]`, `61-[{"_placeholder":true,"num":0}]`, `61-1["a"]`, `61-1{}`,
		`61-/a,1[{"a":{"_placeholder":true,"num":0}}]`,
		"7", "8[]", "9", "a", `["a"]`, "{}", "-", "é", "٣",
	}
	for _, depth := range []int{90, 95, 96, 97, 98, 99, 100, 101, 127, 128, 129, 200, 1000} {
		nest := strings.Repeat("[", depth) + strings.Repeat("]", depth)
		all = append(all, `2["a",`+nest+`]`, `31[`+nest+`]`, `51-["a",{"_placeholder":true,"num":0},`+nest+`]`,
			`0{"a":`+strings.Repeat(`{"a":`, depth)+"1"+strings.Repeat("}", depth)+"}")
	}
	return all
}
