"use strict";

// The chat: what the page sends, and what it does with what comes.

/** Chat is the page. */
class Chat {
  constructor() {
    this.room = ""; // everyone
    this.logs = new Map();
    this.sent = []; // own messages that have not come back yet
    this.strip = new Strip();
    this.people = new People(this);
    this.typists = new Typists();
    this.name = new URLSearchParams(location.search).get("name") || sessionStorage.getItem("name") || `guest ${100 + Math.floor(Math.random() * 900)}`;
    $("name").value = this.name;
    this.socket = new Socket({ path: document.body.dataset.path, auth: () => ({ name: this.name }) });
    this.listen();
    this.controls();
    this.enter("");
  }

  listen() {
    this.socket
      .on("connect", () => {
        this.notice();
        document.body.classList.add("connected");
        for (const room of this.logs.keys()) if (room) this.socket.ask("join", room).catch(() => {});
      })
      .on("connect_error", (reason) => this.notice(`The server refuses: ${reason}`))
      .on("disconnect", () => {
        document.body.classList.remove("connected");
        this.strip.lost();
        this.people.render();
      })
      .on("waiting", () => this.notice(...this.elsewhere()))
      .on("cluster", (state) => {
        this.strip.show(state);
        document.body.dataset.hue = this.strip.node(state.uid).hue;
        document.title = `${this.unread ? `(${this.unread}) ` : ""}${this.strip.node(state.uid).name} · backplane`;
        this.people.show(state);
        this.invite();
      })
      .on("flow", (flow) => this.strip.flow(flow))
      .on("typing", (t) => this.typists.seen(t))
      .on("chat message", (m) => {
        this.typists.forget(m);
        this.arrive(m, this.own(m), h("p", { class: "text" }, m.text));
      })
      .on("image", (m) => {
        this.typists.forget(m);
        this.arrive(m, this.own(m), picture(m));
      })
      .on("question", (q, ack) => this.arrive(q, false, ballot(q, ack)))
      .on("answer", ({ choice }) => this.tally?.answer(choice));
  }

  controls() {
    $("composer").addEventListener("submit", (e) => { e.preventDefault(); this.say(); });
    $("text").addEventListener("keydown", (e) => {
      if (e.key === "Enter" && !e.shiftKey && !e.isComposing) { e.preventDefault(); this.say(); }
    });
    $("text").addEventListener("input", () => { this.grow(); this.type(); });
    $("join").addEventListener("submit", (e) => {
      e.preventDefault();
      const room = $("room").value.trim();
      $("room").value = "";
      if (room) this.enter(room);
    });
    $("leave").addEventListener("click", () => this.leave());
    $("rename").addEventListener("submit", (e) => { e.preventDefault(); $("name").blur(); });
    $("name").addEventListener("change", () => this.rename());
    $("askpoll").addEventListener("click", () => this.polling($("poll").hidden));
    $("nopoll").addEventListener("click", () => this.polling(false));
    $("poll").addEventListener("submit", (e) => { e.preventDefault(); this.ask(); });
    $("poll").addEventListener("keydown", (e) => e.key === "Escape" && this.polling(false));
    for (const id of ["who", "closepeople"]) $(id).addEventListener("click", () => this.peopleShown(!document.body.classList.contains("people-shown")));
    addEventListener("keydown", (e) => e.key === "Escape" && this.peopleShown(false));
    addEventListener("click", (e) => e.target === document.querySelector("main") && this.peopleShown(false));
    $("logs").addEventListener("shown", (e) => e.target.closest("li") === this.log().list.lastElementChild && this.log().end());
    takePictures((file) => this.drop(file));
  }

  log(room = this.room) {
    if (!this.logs.has(room)) this.logs.set(room, new Log(room));
    return this.logs.get(room);
  }

  /** arrive shows what came, in the room it is for. */
  arrive(m, mine, ...content) {
    const room = m.room ?? "";
    const log = this.log(room);
    log.list.querySelector(".empty")?.remove();
    log.add({ ...m, node: this.strip.node(m.node), mine }, ...content);
    if (room !== this.room) {
      log.unread++;
      this.people.render();
    }
  }

  /** own is whether a message is one that this page has sent: it comes back like everybody's. */
  own(m) {
    if (m.from !== this.name || m.node !== this.strip.own) return false;
    const i = this.sent.findIndex((s) => s.room === (m.room ?? "") && s.what === (m.text ?? m.data.byteLength));
    if (i >= 0) this.sent.splice(i, 1);
    return i >= 0;
  }

  /** send emits an event for the current room. It is false if the server does not take it. */
  async send(event, message, what) {
    const sent = { room: this.room, what };
    if (what !== undefined) this.sent.push(sent);
    try {
      const { error } = (await this.socket.ask(event, { ...message, room: this.room || undefined })) ?? {};
      if (!error) return true;
      this.notice(error, 5000);
    } catch (e) {
      this.notice(...(this.socket.id ? [e.message, 5000] : this.elsewhere()));
    }
    this.sent = this.sent.filter((s) => s !== sent);
    return false;
  }

  async say() {
    const text = $("text").value.trim();
    if (!text) return;
    $("text").value = "";
    this.grow();
    this.typed = 0;
    if (!(await this.send("chat message", { text }, text)) && !$("text").value) $("text").value = text;
  }

  async drop(file) {
    try {
      const data = await shrink(file);
      await this.send("image", { data }, data.byteLength);
    } catch (e) {
      this.notice(e.message, 5000);
    }
  }

  type() {
    if (!$("text").value || Date.now() - (this.typed ?? 0) < 1500) return;
    this.typed = Date.now();
    this.socket.emit("typing", { room: this.room || undefined });
  }

  async ask() {
    const text = $("question").value.trim() || $("question").placeholder;
    const choices = [...$("poll").querySelectorAll("fieldset input")].map((i) => i.value.trim()).filter(Boolean);
    if (choices.length < 2) return this.notice("A question needs two answers to choose from.", 4000);
    this.polling(false);
    $("question").value = "";
    const room = this.room;
    const tally = (this.tally = new Tally(text, choices, Math.max(0, this.people.in(room) - 1)));
    this.arrive({ from: this.name, node: this.strip.own, room, at: Date.now() }, true, tally.card);
    try {
      const { answers, error } = await this.socket.ask("ask", { room: room || undefined, text, choices });
      if (error) tally.fail(error);
      else tally.end(answers);
    } catch {
      tally.fail("The connection was lost before all had answered.");
    }
  }

  /** enter shows a room, and joins it. */
  async enter(room) {
    if (room && !this.logs.has(room)) {
      const { error } = (await this.socket.ask("join", room).catch((e) => ({ error: e.message }))) ?? {};
      if (error) return this.notice(error, 5000);
    }
    this.room = room;
    this.log();
    for (const [name, log] of this.logs) log.show(name === room);
    $("current").textContent = $("droproom").textContent = room || "Everyone";
    $("leave").hidden = !room;
    $("text").placeholder = room ? `Message ${room}` : "Message everyone";
    this.typists.show(room);
    this.people.render();
    this.invite();
    if (matchMedia("(hover: hover)").matches) $("text").focus();
  }

  leave() {
    const room = this.room;
    this.socket.ask("leave", room).catch(() => {});
    this.logs.get(room).list.remove();
    this.logs.delete(room);
    this.enter("");
  }

  async rename() {
    const name = $("name").value.trim();
    const { error } = (await this.socket.ask("rename", name).catch((e) => ({ error: e.message }))) ?? {};
    if (error) {
      this.notice(error, 4000);
      $("name").value = this.name;
      return;
    }
    sessionStorage.setItem("name", (this.name = name));
    history.replaceState(null, "", location.pathname); // it is not the name in the address any more
  }

  get unread() { return [...this.logs.values()].reduce((n, l) => n + l.unread, 0); }

  polling(open) {
    $("poll").hidden = !open;
    $("askpoll").setAttribute("aria-expanded", open);
    (open ? $("question") : $("text")).focus();
  }

  peopleShown(shown) {
    document.body.classList.toggle("people-shown", shown);
    $("who").setAttribute("aria-expanded", shown);
  }

  grow() {
    const t = $("text");
    t.style.height = "auto";
    if (t.value) t.style.height = `${Math.min(t.scrollHeight + 2, 140)}px`;
  }

  /** others are links to the other nodes' pages. */
  others() {
    return this.strip.sorted().filter((n) => n.uid !== this.strip.own && !n.gone && link(n))
      .map((n) => h("a", { href: link(n), target: "_blank", rel: "noopener", "data-hue": n.hue }, n.name));
  }

  /** invite fills an empty log with what to do. */
  invite() {
    const { list } = this.log();
    if (list.children.length && !list.querySelector(".empty")) return;
    const links = this.others().flatMap((a, i) => [i ? " or " : "", a]);
    const words = this.room ? ["Nothing has been said in ", h("b", {}, this.room), " yet. Who joins it, on any node, gets what you say."]
      : links.length ? ["Open another node, ", ...links, ", beside this page and say something on either. It reaches the clients of all nodes."]
        : ["Say something. It reaches the clients of all nodes."];
    list.replaceChildren(h("li", { class: "empty" }, h("p", {}, ...words)));
  }

  /** elsewhere is what to say when the node is out of reach. */
  elsewhere() {
    const links = this.others().flatMap((a, i) => [i ? " or " : " ", a]);
    const name = this.strip.nodes.get(this.strip.own)?.name ?? "The server";
    return [h("span", {}, `${name} is out of reach. Trying again…`, ...(links.length ? [" Meanwhile, go to", ...links, "."] : []))];
  }

  /** notice shows a line above the chat, for so many milliseconds or until the next. */
  notice(words, ms) {
    clearTimeout(this.noticed);
    $("notice").hidden = !words;
    $("notice").replaceChildren(...(words ? [words] : []));
    if (ms) this.noticed = setTimeout(() => this.notice(...(this.socket.id ? [] : this.elsewhere())), ms);
  }
}

window.chat = new Chat();
