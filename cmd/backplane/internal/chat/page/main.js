"use strict";

// The chat: what the page sends, and what it does with the events that come.

/** Chat is the page. */
class Chat {
  constructor() {
    this.room = ""; // everyone
    this.online = false; // connected, and the first report of the node has arrived
    this.logs = new Map(); // by room
    this.viewport = new Viewport();
    this.outbox = new Outbox(this);
    this.diagram = new Diagram();
    this.people = new People(this);
    this.typing = new Typing();
    this.name = new URLSearchParams(location.search).get("name") || sessionStorage.getItem("name")
      || `guest ${100 + Math.floor(Math.random() * 900)}`;
    $("name").value = this.name;
    this.socket = new Socket({ path: document.body.dataset.path, auth: () => ({ name: this.name }) });
    this.bindEvents();
    this.bindControls();
    this.enter("");
  }

  bindEvents() {
    this.socket
      .on("connect", () => {
        this.notice();
        document.body.classList.add("connected");
        for (const room of this.logs.keys()) if (room) this.socket.emit("join", room);
      })
      .on("connect_error", (reason) => this.notice(`The server refuses the connection: ${reason}`))
      .on("disconnect", () => {
        this.online = false;
        document.body.classList.remove("connected");
        this.diagram.disconnected();
        this.people.render();
        this.title();
      })
      .on("waiting", () => this.notice(...this.offline()))
      .on("cluster", (state) => {
        this.online = true;
        this.diagram.show(state);
        document.body.dataset.color = this.diagram.node(state.uid).color;
        this.title();
        this.people.show(state);
        this.invite();
        this.outbox.resume();
      })
      .on("flow", (deliveries) => this.diagram.drawDeliveries(deliveries))
      .on("typing", (t) => this.typing.seen(t))
      .on("chat message", (m) => this.message(m, h("p", { class: "text", dir: "auto" }, m.text), m.text))
      .on("image", (m) => this.message(m, picture(m), m.data.byteLength))
      .on("question", (q, ack) => this.add(q, false, ballot(q, ack)))
      .on("answer", ({ choice }) => this.tally?.answer(choice));
  }

  bindControls() {
    const submit = (form, action) => $(form).addEventListener("submit", (e) => {
      e.preventDefault();
      action();
    });
    submit("composer", () => this.sendText());
    submit("join", () => this.join());
    submit("rename", () => $("name").blur());
    submit("poll", () => this.ask());
    $("text").addEventListener("keydown", (e) => {
      if (e.key !== "Enter" || e.shiftKey || e.isComposing) return;
      e.preventDefault();
      this.sendText();
    });
    $("text").addEventListener("input", () => {
      this.resizeText();
      this.sendTyping();
    });
    $("leave").addEventListener("click", () => this.leave());
    $("name").addEventListener("change", () => this.rename());
    $("askpoll").addEventListener("click", () => this.showPoll($("poll").hidden));
    $("nopoll").addEventListener("click", () => this.showPoll(false));
    $("poll").addEventListener("keydown", (e) => e.key === "Escape" && this.showPoll(false));
    $("who").addEventListener("click", () => this.showPeople(true));
    $("closepeople").addEventListener("click", () => this.showPeople(false));
    addEventListener("keydown", (e) => e.key === "Escape" && this.showPeople(false));
    addEventListener("click", (e) => e.target === document.querySelector("main") && this.showPeople(false));
    acceptPictures((file) => this.sendPicture(file));
  }

  log(room = this.room) {
    if (!this.logs.has(room)) this.logs.set(room, new Log(room));
    return this.logs.get(room);
  }

  /** message shows a text or a picture. what identifies it among the messages of the same person. */
  message(m, content, what) {
    this.typing.remove(m);
    const mine = m.from === this.name && m.node === this.diagram.own && this.outbox.confirm(m.room ?? "", what);
    this.add(m, mine, content);
  }

  /** add shows something in the room it is for. */
  add(m, mine, content) {
    const room = m.room ?? "";
    this.log(room).add({ ...m, node: this.diagram.node(m.node), mine }, content);
    if (room === this.room) return this.viewport.added(mine);
    this.log(room).unread++;
    this.people.render();
    this.title();
  }

  sendText() {
    const text = $("text").value.trim();
    if (!text) return;
    $("text").value = "";
    this.resizeText();
    this.typed = 0;
    this.outbox.send("chat message", { text }, text, h("p", { class: "text", dir: "auto" }, text));
  }

  async sendPicture(file) {
    try {
      const data = await shrink(file);
      this.outbox.send("image", { data }, data.byteLength, picture({ data, from: "you", type: file.type }));
    } catch (e) {
      this.notice(e.message, 5000);
    }
  }

  sendTyping() {
    if (!$("text").value || Date.now() - (this.typed ?? 0) < 1500) return;
    this.typed = Date.now();
    this.socket.emit("typing", { room: this.room || undefined });
  }

  /** request emits an event and returns true if the server accepts it. Otherwise it says why not. */
  async request(event, argument) {
    const { error } = (await this.socket.emitWithAck(event, argument).catch(() => ({ error: true }))) ?? {};
    if (error === true) this.notice(...this.offline());
    else if (error) this.notice(error, 5000);
    return !error;
  }

  async ask() {
    const text = $("question").value.trim() || $("question").placeholder;
    const choices = [...$("poll").querySelectorAll("fieldset input")].map((i) => i.value.trim()).filter(Boolean);
    if (choices.length < 2) return this.notice("A question needs two answers to choose from.", 4000);
    if (!this.socket.id) return this.notice(...this.offline()); // the form keeps its text
    this.showPoll(false);
    $("question").value = "";
    const room = this.room;
    const tally = (this.tally = new Tally(text, choices, Math.max(0, this.people.count(room) - 1)));
    this.add({ from: this.name, node: this.diagram.own, room, at: Date.now() }, true, tally.card);
    try {
      const { answers, error } = await this.socket.emitWithAck("ask", { room: room || undefined, text, choices });
      if (error) tally.fail(error);
      else tally.end(answers);
    } catch {
      tally.fail("The connection was lost before all had answered.");
    }
  }

  /** join enters the room in the field, which keeps its text if that fails. */
  async join() {
    const room = $("room").value.trim();
    if (room && (await this.enter(room))) $("room").value = "";
  }

  /** enter shows a room, after joining it if necessary. It returns false if that fails. */
  async enter(room) {
    if (room && !this.logs.has(room) && !(await this.request("join", room))) return false;
    this.room = room;
    this.log().unread = 0;
    for (const [name, log] of this.logs) log.element.hidden = name !== room;
    this.viewport.end();
    for (const id of ["current", "droproom"]) $(id).textContent = room || "Everyone";
    $("leave").hidden = !room;
    $("text").placeholder = room ? `Message \u2068${room}\u2069` : "Message everyone"; // isolates the name's direction
    this.typing.show(room);
    this.people.render();
    this.invite();
    this.title();
    if (matchMedia("(hover: hover)").matches) $("text").focus(); // on a phone that would open the keyboard
    return true;
  }

  leave() {
    const room = this.room;
    this.socket.emit("leave", room);
    this.outbox.leave(room);
    this.logs.get(room).element.remove();
    this.logs.delete(room);
    this.enter("");
  }

  async rename() {
    const name = $("name").value.trim();
    // Without a connection the name goes to the server with the next one.
    if (name && (!this.socket.id || (await this.request("rename", name)))) {
      this.name = name;
      sessionStorage.setItem("name", name);
      history.replaceState(null, "", location.pathname); // without the old name
    }
    $("name").value = this.name;
  }

  title() {
    const unread = [...this.logs.values()].reduce((n, log) => n + log.unread, 0);
    const where = this.online ? this.diagram.node(this.diagram.own).name : "offline";
    document.title = `${unread ? `(${unread}) ` : ""}${where} · backplane`;
  }

  showPoll(shown) {
    $("poll").hidden = !shown;
    $("askpoll").setAttribute("aria-expanded", shown);
    (shown ? $("question") : $("text")).focus();
  }

  showPeople(shown) {
    if (shown === document.body.classList.contains("people-shown")) return;
    document.body.classList.toggle("people-shown", shown);
    $("who").setAttribute("aria-expanded", shown);
    (shown ? $("closepeople") : $("who")).focus();
  }

  /** resizeText fits the field's height to its text. */
  resizeText() {
    const t = $("text");
    t.style.height = "auto";
    if (t.value) t.style.height = `${Math.min(t.scrollHeight + 2, 140)}px`;
  }

  /** others returns links to the pages of the other nodes. */
  others() {
    const nodes = this.diagram.sorted().filter((n) => n.uid !== this.diagram.own && !n.gone && pageOf(n));
    return join(nodes.map((n) =>
      h("a", { href: pageOf(n), target: "_blank", rel: "noopener", "data-color": n.color }, user(n.name))), " or ");
  }

  /** invite shows a hint in an empty log. */
  invite() {
    const others = this.others();
    const everyNode = "It reaches the clients of all nodes.";
    this.log().invite(...(this.room
      ? ["Nobody has said anything in ", h("b", {}, user(this.room)),
        " yet. Clients that join it on any node get what you say."]
      : others.length
        ? ["Open another node, ", ...others, `, beside this page and say something on either. ${everyNode}`]
        : [`Say something. ${everyNode}`]));
  }

  /** offline returns the notice to show while the node cannot be reached. */
  offline() {
    const name = this.diagram.nodes.get(this.diagram.own)?.name ?? "the server";
    const others = this.others();
    return [h("span", {},
      "Offline: ", user(name), " is out of reach. Trying again… What you write is sent when it is back.",
      ...(others.length ? [" Meanwhile, go to ", ...others, "."] : []))];
  }

  /** notice shows a line above the chat until the next one, or for a time. */
  notice(words, ms) {
    clearTimeout(this.noticed);
    $("notice").hidden = !words;
    replace($("notice"), ...(words ? [words] : []));
    if (ms) this.noticed = setTimeout(() => this.notice(...(this.socket.id ? [] : this.offline())), ms);
  }
}

window.chat = new Chat();
