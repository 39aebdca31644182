"use strict";
// Draws the report from the document in the page. Text goes in as text only; nothing is fetched.
const doc = JSON.parse(document.getElementById("document").textContent);
const page = document.getElementById("page");
const NS = "http://www.w3.org/2000/svg";

function el(name, attributes = {}, ...children) {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}
function shape(parent, name, attributes, text) {
  const node = document.createElementNS(NS, name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  if (text !== undefined) node.textContent = text;
  parent.append(node);
  return node;
}
const number = (value) => value.toLocaleString("en").replaceAll(",", "\u202f");
function time(us) {
  if (us === null || us === undefined) return "–";
  if (us < 1000) return `${us} µs`;
  if (us < 1e6) return `${(us / 1e3).toFixed(us < 1e4 ? 1 : 0)} ms`;
  return `${(us / 1e6).toFixed(us < 1e7 ? 2 : 1)} s`;
}
const decade = (us) => (us < 1e3 ? `${us} µs` : us < 1e6 ? `${us / 1e3} ms` : `${us / 1e6} s`);
const wordsOf = (verdict) => doc.verdicts[verdict].words;
const PHASES = { starting: "starting", ready: "ready", signalled: "signalled", lame_duck: "lame duck", draining: "draining",
  releasing: "releasing", flushing: "flushing", frozen: "frozen" };

const nameOf = (replica) => replica.pod ? `${replica.pod}${replica.restarts ? ` (restart ${replica.restarts})` : ""}` : `replica ${replica.id}`;
/** What fits beside a bar: of a pod's name, the part that differs. */
function shortNameOf(replica, narrow) {
  if (!replica.pod) return narrow ? `#${replica.id}` : `replica ${replica.id}`;
  return replica.pod.length > (narrow ? 6 : 11) ? replica.pod.split("-").pop() : replica.pod;
}
function header() {
  const judged = doc.runs.filter((run) => run.role !== "control");
  const lost = judged.reduce((sum, run) => sum + run.lost, 0);
  const total = judged.reduce((sum, run) => sum + run.requests, 0);
  const title = doc.exit === "invalid" ? "Invalid run" : `${number(lost)} lost of ${number(total)}`;
  const box = el("header", {}, el("h1", { class: doc.exit }, title), el("p", {}, sentence(doc.sentence)));
  box.append(el("p", { class: "quiet" }, el("code", {}, doc.command.join(" "))));
  const load = doc.load;
  const mix = load.clients.map((group) => `${group.clients} ${group.kind}`).join(", ");
  box.append(el("p", { class: "quiet" },
    `${number(load.connections)} clients (${mix}), ${number(Math.round(load.offered_per_second))} requests/s offered, ` +
    `${doc.machine.cores} cores, seed ${doc.seed}`));
  box.append(el("p", { class: "quiet" }, `${doc.name}, ${new Date(doc.started_at).toLocaleString()}, lameduck-drill ${doc.drill_version}`));
  return box;
}
const sentence = (text) => text.charAt(0).toUpperCase() + text.slice(1) + ".";

function figures(run) {
  const box = el("div", { class: "figures" });
  const figure = (value, label, kind = "") => box.append(el("div", {}, el("b", { class: kind }, value), el("span", {}, label)));
  figure(number(run.requests), "requests");
  figure(number(run.lost), "lost", run.lost ? (run.role === "control" ? "invalid" : "lost") : "clean");
  figure(number(run.restarts), "restarts");
  const all = latencyOf(run, ["hot", "warm", "cold", "connect", "h2c"]);
  if (all) { figure(time(all.p50), "median of the kinds' p50"); figure(time(all.p99), "worst p99"); figure(time(all.max), "slowest answer"); }
  if (run.killed_at_grace) figure(number(run.killed_at_grace), "killed at the grace period", "invalid");
  const compared = run.replicas.filter((replica) => replica.account.ledger).length;
  const differ = run.replicas.filter((replica) => replica.account.differences.length).length;
  if (compared || differ) figure(differ ? `${differ} differ` : `${compared} agree`, "ledgers", differ ? "lost" : "clean");
  if (run.raced_expected || run.admitted_as_raced)
    figure(`${run.admitted_as_raced} / ${run.raced_expected.toFixed(4)}`, "raced / expected");
  return box;
}
function latencyOf(run, kinds) {
  const cells = kinds.flatMap((kind) => Object.values((run.kinds[kind] || { latency: {} }).latency));
  if (!cells.length) return null;
  const medians = cells.map((cell) => cell.p50_us).sort((a, b) => a - b);
  return { p50: medians[medians.length >> 1], p99: Math.max(...cells.map((c) => c.p99_us)), max: Math.max(...cells.map((c) => c.max_us)) };
}

function timeline(run) {
  const plot = el("div", { class: "plot" });
  const draw = () => { plot.replaceChildren(...picture(run, plot.clientWidth || 900)); };
  new ResizeObserver(draw).observe(plot);
  return plot;
}
function picture(run, width) {
  const narrow = width < 560;
  const left = narrow ? 58 : 92, right = 8;
  const rowHeight = run.replicas.length > 24 ? 9 : 18, gap = rowHeight > 10 ? 5 : 2;
  const end = Math.max(run.load_to_us, ...run.replicas.map((replica) => Math.min(replica.exited_us ?? 0, run.load_to_us)));
  const x = (us) => left + (Math.min(us, end) / end) * (width - left - right);
  const rows = run.replicas.length * (rowHeight + gap);
  const rateTop = rows + 26, rateHeight = 96, lostTop = rateTop + rateHeight + 22, lostHeight = 18;
  const latencyTop = lostTop + lostHeight + 30, latencyHeight = 120, height = latencyTop + latencyHeight + 26;
  const svg = document.createElementNS(NS, "svg");
  svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
  svg.setAttribute("height", height);
  svg.setAttribute("role", "img");
  svg.setAttribute("aria-label", `Timeline of run ${run.name}: replicas, requests a second, losses, latency`);
  const grid = shape(svg, "g", {});
  for (const tick of ticks(0, end / 1e6, narrow ? 4 : 9)) {
    const at = x(tick * 1e6);
    shape(grid, "line", { x1: at, x2: at, y1: 0, y2: height - 20, stroke: "var(--grid)" });
    shape(grid, "text", { x: at, y: height - 6, "text-anchor": "middle" }, `${tick} s`);
  }
  run.replicas.forEach((replica, row) => bar(svg, run, replica, row * (rowHeight + gap), rowHeight, x, end, narrow));
  rates(svg, run, x, rateTop, rateHeight, left, width - right);
  losses(svg, run, x, lostTop, lostHeight, left);
  latencies(svg, run, x, latencyTop, latencyHeight, left, width - right);
  return [svg, readout(svg, run, x, left, width, height, end)];
}
function ticks(from, to, most) {
  const raw = (to - from) / most, power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((candidate) => candidate >= raw);
  const list = [];
  for (let at = Math.ceil(from / step) * step; at <= to + 1e-9; at += step) list.push(Number(at.toPrecision(6)));
  return list;
}
function bar(svg, run, replica, y, height, x, end, narrow) {
  if (height > 10) shape(svg, "text", { x: 0, y: y + height - 5, class: "name" }, shortNameOf(replica, narrow));
  replica.phases.forEach((phase, index) => {
    if (phase.phase === "gone" || phase.at > end) return;
    const until = replica.phases[index + 1]?.at ?? end;
    const box = shape(svg, "rect", { x: x(phase.at), y, height, rx: 2, width: Math.max(1, x(until) - x(phase.at)),
      fill: `var(--${PHASES[phase.phase] ? phase.phase : "starting"})` });
    shape(box, "title", {}, `${nameOf(replica)}: ${PHASES[phase.phase] ?? phase.phase}, ${time(until - phase.at)}`);
  });
  const tick = (at, title, color, size = 1.5) => {
    if (at === null || at > end) return;
    const mark = shape(svg, "rect", { x: x(at) - size / 2, y: y - 1, width: size, height: height + 2, fill: color });
    shape(mark, "title", {}, title);
  };
  tick(replica.removed_last_us, `${nameOf(replica)}: out of ${run.cluster ? "the endpoint slices" : "the last node's endpoints"}`, "var(--mark)");
  if (run.cluster) tick(lastConnection(replica), `${nameOf(replica)}: last new connection`, "var(--p99)");
  tick(replica.killed_us, `${nameOf(replica)}: SIGKILL`, "var(--bad)", 4);
  // Through a Service nobody knows which pod a request went to.
  if (!run.cluster) for (const loss of run.losses) if (loss.replica === replica.id) tick(loss.ended_us, describe(loss), "var(--bad)");
}
const lastConnection = (replica) => replica.last_connection_after_ms == null || replica.signalled_us === null ? null :
  replica.signalled_us + replica.last_connection_after_ms * 1000;
const describe = (loss) => `${time(loss.ended_us)}: ${loss.kind}, ${wordsOf(loss.verdict)}` +
  `${loss.replica === null ? "" : `, replica ${loss.replica}`}${loss.kept_alive ? ", kept-alive connection" : ""} (${loss.id})`;

function area(series, x, width_us, y, base) {
  let path = `M${x(0)},${base}`;
  series.forEach((value, index) => { path += `L${x(index * width_us)},${y(value)}L${x((index + 1) * width_us)},${y(value)}`; });
  return `${path}L${x(series.length * width_us)},${base}Z`;
}
function rates(svg, run, x, top, height, left, right) {
  const perSecond = run.series.ended.map((count) => (count * 1e6) / run.series.width_us);
  const most = Math.max(1, ...perSecond);
  const y = (value) => top + height - (value / most) * height;
  for (const tick of ticks(0, most, 3)) {
    shape(svg, "line", { x1: left, x2: right, y1: y(tick), y2: y(tick), stroke: "var(--grid)" });
    shape(svg, "text", { x: left - 8, y: y(tick) + 4, "text-anchor": "end" }, number(tick));
  }
  shape(svg, "text", { x: 0, y: top - 8, class: "name" }, "requests/s");
  shape(svg, "path", { d: area(perSecond, x, run.series.width_us, y, top + height), fill: "var(--area-soft)", stroke: "var(--area)", "stroke-width": 1 });
}
function losses(svg, run, x, top, height, left) {
  shape(svg, "text", { x: 0, y: top + height - 4, class: "name" }, "lost");
  if (!run.lost) shape(svg, "text", { x: left, y: top + height - 4 }, "none");
  const most = Math.max(1, ...run.series.lost);
  run.series.lost.forEach((count, index) => {
    if (!count) return;
    const from = x(index * run.series.width_us), to = x((index + 1) * run.series.width_us), tall = Math.max(4, (count / most) * height);
    const box = shape(svg, "rect", { x: from, y: top + height - tall, width: Math.max(2, to - from), height: tall, fill: "var(--bad)" });
    shape(box, "title", {}, `${count} lost`);
  });
}
function latencies(svg, run, x, top, height, left, right) {
  const { p50_us: p50, p99_us: p99, max_us: max, width_us: width } = run.series;
  const values = [...p50, ...max].filter((value) => value !== null);
  shape(svg, "text", { x: 0, y: top - 10, class: "name" }, "latency of simple requests");
  if (!values.length) return;
  const low = Math.floor(Math.log10(Math.max(10, Math.min(...values)))), high = Math.max(low + 1, Math.ceil(Math.log10(Math.max(...values))));
  const y = (us) => top + height - ((Math.log10(Math.max(us, 1)) - low) / (high - low)) * height;
  for (let power = low; power <= high; power += 1) {
    shape(svg, "line", { x1: left, x2: right, y1: y(10 ** power), y2: y(10 ** power), stroke: "var(--grid)" });
    shape(svg, "text", { x: left - 8, y: y(10 ** power) + 4, "text-anchor": "end" }, decade(10 ** power));
  }
  const curve = (series, color, size) => {
    let path = "", pen = false;
    series.forEach((value, index) => {
      if (value === null) { pen = false; return; }
      path += `${pen ? "L" : "M"}${x((index + 0.5) * width).toFixed(1)},${y(value).toFixed(1)}`;
      pen = true;
    });
    shape(svg, "path", { d: path, fill: "none", stroke: color, "stroke-width": size, "stroke-linejoin": "round" });
  };
  curve(max, "var(--max)", 1); curve(p99, "var(--p99)", 1.5); curve(p50, "var(--p50)", 1.5);
}
function readout(svg, run, x, left, width, height, end) {
  const box = el("div", { class: "readout", hidden: "" });
  const line = shape(svg, "line", { y1: 0, y2: height - 20, stroke: "var(--quiet)", "stroke-dasharray": "3 3", visibility: "hidden" });
  svg.addEventListener("pointermove", (event) => {
    const at = event.clientX - svg.getBoundingClientRect().left;
    const us = ((at - left) / (width - left - 8)) * end, index = Math.floor(us / run.series.width_us);
    if (us < 0 || index >= run.series.ended.length) return hide();
    const s = run.series, rate = Math.round((s.ended[index] * 1e6) / s.width_us);
    box.textContent = `${(us / 1e6).toFixed(1)} s · ${number(rate)}/s · ${s.lost[index]} lost · p50 ${time(s.p50_us[index])} · p99 ${time(s.p99_us[index])} · max ${time(s.max_us[index])}`;
    box.hidden = false;
    box.style.left = `${Math.min(at + 14, Math.max(0, width - box.offsetWidth))}px`;
    line.setAttribute("x1", at); line.setAttribute("x2", at); line.setAttribute("visibility", "visible");
  });
  const hide = () => { box.hidden = true; line.setAttribute("visibility", "hidden"); };
  svg.addEventListener("pointerleave", hide);
  return box;
}
function legend(run) {
  const box = el("div", { class: "legend" });
  const add = (color, words, kind = "") => box.append(el("span", {}, el("i", { class: kind, style: `background:${color}` }), words));
  const seen = new Set(run.replicas.flatMap((replica) => replica.phases.map((phase) => phase.phase)));
  // Both have one colour: the service's own word says more than the signal.
  if (seen.has("lame_duck")) seen.delete("signalled");
  for (const phase of Object.keys(PHASES)) {
    if (seen.has(phase)) add(`var(--${phase})`, PHASES[phase]);
  }
  add("var(--mark)", run.cluster ? "out of the endpoint slices" : "out of the last node's endpoints", "tick");
  if (run.cluster) add("var(--p99)", "last new connection", "tick"); add("var(--bad)", "lost request", "tick");
  add("var(--p50)", "p50"); add("var(--p99)", "p99"); add("var(--max)", "slowest");
  return box;
}

function table(heads, rows) {
  const words = (head) => (head.startsWith("~") ? { class: "words" } : {});
  const cell = (value, index) => {
    const text = String(value ?? "–"), attributes = words(heads[index]);
    if (text === "0") attributes.class = "zero";
    return el("td", attributes, text);
  };
  return el("div", { class: "scroll" }, el("table", {},
    el("thead", {}, el("tr", {}, ...heads.map((head) => el("th", words(head), head.replace("~", ""))))),
    el("tbody", {}, ...rows.map((row) => el("tr", {}, ...row.map(cell))))));
}
function kinds(run) {
  const rows = Object.entries(run.kinds).map(([name, kind]) => {
    const cell = (period, key) => time(kind.latency[period]?.[key]);
    return [name, number(kind.requests), number(kind.lost), cell("before", "p50_us"), cell("during", "p50_us"), cell("before", "p99_us"),
      cell("during", "p99_us"), cell("during", "p999_us"), cell("during", "max_us")];
  });
  return table(["clients", "requests", "lost", "p50 before", "p50 during", "p99 before", "p99 during", "p99.9 during", "slowest during"], rows);
}
function verdictTable(run) {
  const rows = [];
  for (const [name, kind] of Object.entries(run.kinds))
    for (const [verdict, count] of Object.entries(kind.verdicts)) if (verdict !== "answered") rows.push([name, wordsOf(verdict), number(count)]);
  return table(["clients", "~what became of it", "requests"], rows);
}
function ledgers(run) {
  const keys = ["started", "completed", "drained", "late", "rejected", "timed_out", "aborted", "client_gone", "failed", "raced"];
  const rows = run.replicas.filter((replica) => replica.account.ledger).map((replica) => {
    const { ledger, differences } = replica.account;
    const whole = ["answered", "shed", "wrong_status", "answered_twice"].reduce((sum, key) => sum + (replica.verdicts[key] ?? 0), 0);
    // Through a Service nobody knows whose answers they were.
    const got = run.cluster ? [] : [number(whole)];
    return [nameOf(replica), ...got, ...keys.map((key) => number(ledger[key])), differences.length ? differences.join("; ") : "agrees"];
  });
  return table(["", ...(run.cluster ? [] : ["answers the clients got"]), ...keys.map((key) => key.replace("_", " ")), "~verdict"], rows);
}
function lossTable(run) {
  const rows = run.losses.slice(0, 200).map((loss) => [`${(loss.ended_us / 1e6).toFixed(3)} s`, loss.kind, wordsOf(loss.verdict),
    loss.replica === null ? "none" : run.cluster ? run.cluster.service : `replica ${loss.replica}`, loss.kept_alive ? "kept alive" : "new", loss.id]);
  return table(["at", "~clients", "~what became of it", "~sent to", "~connection", "~id"], rows);
}

function serviceTold(run) {
  const service = run.service;
  const range = service.propagation[0] === service.propagation[1] ? service.propagation[0] : service.propagation.join(" to ");
  return `${service.replicas} replicas, endpoints removed ${range} after the deletion on ${service.nodes} nodes, ` +
    `grace ${service.grace}${service.pre_stop === "0s" ? "" : `, preStop ${service.pre_stop}`}` +
    Object.entries(run.env).map(([key, value]) => `, ${key}=${value}`).join("");
}
function clusterTold(cluster) {
  const clocks = cluster.clocks.map((clock) => `${clock.of} ${(clock.us / 1e3).toFixed(1)} ms (to ${(clock.error_us / 1e3).toFixed(1)} ms)`);
  const put = cluster.evictions_refused ? `, ${cluster.evictions_refused} evictions refused for now` : "";
  return `${cluster.workload} through service ${cluster.service}, Kubernetes ${cluster.version}, load from ${cluster.load_from}${put}. ` +
    `Times are by the clock of this machine, when the watch reported them; other clocks, compared with it: ${clocks.join(", ") || "none"}.`;
}
/** Each pod that left; all but the first time count from when it was told to. */
function pods(run) {
  const rows = run.replicas.filter((pod) => pod.marked_us !== null || pod.signalled_us !== null).map((pod) => {
    const told = pod.marked_us ?? pod.signalled_us;
    const after = (us) => us === null ? "–" : `+${time(Math.max(0, us - told))}`;
    return [nameOf(pod), pod.node, time(told), after(pod.removed_last_us), after(lastConnection(pod)), after(pod.exited_us),
      pod.exit?.code ?? "–", pod.wait_end ?? "–", pod.marked_us === null ? "not deleted" : pod.cause ?? "–"];
  });
  return table(["~pod", "~node", "left at", "out of the slices", "last connection", "exit", "code", "~wait ended by", "~cause"], rows);
}

function section(run) {
  const state = run.invalid.length ? "invalid" : run.role === "control" ? (run.lost ? "clean" : "invalid") : run.broken.length ? "lost" : "clean";
  const said = { clean: run.role === "control" ? "lost, as it must" : "held", lost: "lost", invalid: "invalid" }[state];
  const box = el("section", { class: "card" }, el("div", { class: "head" }, el("h2", {}, run.name),
    run.role === "subject" ? null : el("span", { class: "badge" }, run.role), el("span", { class: `badge ${state}` }, said)));
  box.append(el("p", { class: "quiet" }, run.cluster ? clusterTold(run.cluster) : serviceTold(run)));
  for (const text of run.cluster?.notes ?? []) box.append(el("p", { class: "note" }, sentence(text)));
  if (run.scenario) box.append(el("p", {}, `${sentence(run.scenario.what_happens)} Must hold: ${run.scenario.must_hold}.`));
  for (const text of run.invalid) box.append(el("p", { class: "note" }, sentence(text)));
  if (!run.invalid.length) for (const text of run.broken) box.append(el("p", { class: "note lost" }, sentence(text)));
  for (const text of run.advice) box.append(el("p", { class: "note" }, sentence(text)));
  box.append(figures(run), el("h3", {}, "Timeline"), timeline(run), legend(run));
  if (run.cluster) box.append(el("h3", {}, "Pods that left"), pods(run));
  box.append(el("h3", {}, "Latency by kind of client"), kinds(run));
  if (Object.values(run.kinds).some((kind) => Object.keys(kind.verdicts).some((verdict) => verdict !== "answered")))
    box.append(el("h3", {}, "Everything but plain answers"), verdictTable(run));
  if (run.replicas.some((replica) => replica.account.ledger)) box.append(el("h3", {}, "The service's own ledger"), ledgers(run));
  if (run.losses.length)
    box.append(el("details", {}, el("summary", {}, `The first ${Math.min(200, run.losses.length)} of ${number(run.lost)} lost requests`), lossTable(run)));
  return box;
}
document.title = `${doc.name}: ${doc.sentence} – lameduck-drill`;
page.append(header(), ...doc.runs.map(section));
