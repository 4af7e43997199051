// The live line: takes what the server sends, notices when nothing comes, keeps clocks and ages going in between.
"use strict";
(() => {
  const SILENCE_MS = 6000; // the server speaks every 2 s; three times missed is a broken line
  const RETRY_MS = 3000; // a line that was opened again gets so long before it is opened anew
  const REFRESH_MS = 1500; // a page that is read is not redrawn more often
  const HOLD_MS = 2000; // cards do not change places under a finger that is about to press
  const ANNOUNCED_MAX = 5;
  const NEW_MS = 8000;

  const $ = (id) => document.getElementById(id);
  const url = document.body.dataset.events;
  const beds = $("beds");
  const title = document.body.dataset.title.replace(/^\(\d+\) /, "");
  let full = ""; // why the server closed this line for good: other windows have its place
  let source = null, openedAt = 0, heardAt = Date.now(), brokenAt = 0;
  let clock = { server: 0, local: 0, speed: 1, ahead: 0 };
  let touchedAt = -HOLD_MS, waitsToSort = false;
  const newUntil = new Map(); // encounter -> until when its card is marked as new
  let known = null; // alert -> the highest rank at which it was announced; null before the first list

  // --- the line

  function open() {
    if (source) source.close();
    openedAt = Date.now();
    source = new EventSource(url);
    on("status", (data) => status(data));
    on("beds", (data) => { beds.innerHTML = data; htmx.process(beds); settled(); });
    on("bed", (data) => { put(data); settled(); });
    on("gone", (encounter) => { const card = find(encounter); if (card) card.remove(); settled(); });
    on("changed", () => refreshSoon());
    on("full", (data) => { source.close(); full = data; });
  }

  function on(name, take) {
    source.addEventListener(name, (event) => { heardAt = Date.now(); take(event.data); watch(); });
  }

  function watch() {
    if (!url) return;
    const quiet = Date.now() - heardAt;
    const broken = full !== "" || quiet > SILENCE_MS;
    const line = $("line");
    if (full) {
      say(line, "✕ closed", "broken");
      $("broken").hidden = true;
      const banner = $("full");
      if (banner.hidden) { banner.textContent = full; banner.hidden = false; }
    } else if (broken) {
      brokenAt = brokenAt || heardAt;
      if (Date.now() - openedAt > RETRY_MS) open();
      const since = new Date(brokenAt).toTimeString().slice(0, 8);
      say(line, "✕ reconnecting since " + since, "broken");
      const banner = $("broken");
      if (banner.hidden) {
        banner.textContent =
          "Connection lost at " + since + " (this screen’s clock). What stands here is old. Watch the monitors.";
        banner.hidden = false;
      }
    } else {
      brokenAt = 0;
      say(line, "● live", "live");
      $("broken").hidden = true;
    }
    document.body.classList.toggle("stale", broken);
  }

  function say(line, text, state) {
    if (line.textContent !== text) line.textContent = text;
    line.dataset.state = state;
  }

  // --- header, clocks and ages

  function status(html) {
    const parts = document.createElement("template");
    parts.innerHTML = html;
    for (const id of ["status", "doubt", "away"]) {
      const fresh = parts.content.getElementById(id), old = $(id);
      // what is announced aloud is touched only when its words change
      if (fresh.innerHTML !== old.innerHTML) {
        const focused = old.contains(document.activeElement) && document.activeElement.className;
        old.replaceWith(fresh);
        if (focused) fresh.getElementsByClassName(focused)[0]?.focus();
      } else Object.assign(old.dataset, fresh.dataset);
    }
    readClock();
  }

  function readClock() {
    const data = $("status").dataset;
    clock = {
      server: Number(data.now), local: performance.now(), speed: Number(data.speed), ahead: Number(data.ahead),
    };
    entitle(Number(data.warnings));
    tick();
  }

  // the board counts its own cards, which are newer than the last heartbeat
  function entitle(warnings) {
    if (beds) warnings = beds.querySelectorAll('[data-rank="2"], [data-rank="3"]').length;
    document.title = (warnings > 0 ? "(" + warnings + ") " : "") + title;
  }

  const now = () => clock.server + (performance.now() - clock.local) * clock.speed;

  function tick() {
    const at = now();
    $("clock").textContent = new Date(at + clock.ahead).toISOString().slice(11, 19); // the clock of the ward
    for (const time of document.querySelectorAll("time.age")) {
      const since = age(at / 1000 - Number(time.dataset.at));
      const words = since === "now" ? since : since + time.dataset.after;
      if (time.textContent !== words) time.textContent = words;
    }
    for (const time of document.querySelectorAll("time.due")) {
      const left = Number(time.dataset.at) - at / 1000;
      const near = Math.abs(left) < 60;
      time.textContent = near ? "now" : left > 0 ? "in " + age(left) : "overdue by " + age(-left);
      time.classList.toggle("over", left <= -60);
    }
  }

  // the same words as boards/words.py
  function age(seconds) {
    const minutes = Math.floor(seconds / 60);
    if (minutes < 1) return "now";
    if (minutes < 60) return minutes + " min";
    if (minutes < 48 * 60) return Math.floor(minutes / 60) + " h " + String(minutes % 60).padStart(2, "0");
    return Math.floor(minutes / 1440) + " d";
  }

  // --- the board

  const find = (encounter) => beds && beds.querySelector('[data-encounter="' + CSS.escape(encounter) + '"]');

  function put(html) {
    const parts = document.createElement("template");
    parts.innerHTML = html;
    const card = parts.content.querySelector("article");
    const old = find(card.dataset.encounter);
    if (!old) beds.append(card);
    else {
      const focused = old.contains(document.activeElement) ? document.activeElement : null;
      const link = focused && focused.getAttribute("href");
      const place = focused && (focused.id ? "#" + CSS.escape(focused.id) : link && 'a[href="' + link + '"]');
      old.replaceWith(card);
      if (place) card.querySelector(place)?.focus({ preventScroll: true });
    }
    htmx.process(card);
  }

  function settled() {
    if (!beds) return;
    const cards = [...beds.querySelectorAll("article")];
    $("nobody").hidden = cards.length > 0;
    const held = performance.now() - touchedAt < HOLD_MS;
    waitsToSort = held;
    if (!held) sort(cards);
    announce(cards);
    entitle(0);
    tick();
  }

  function sort(cards) {
    const focused = document.activeElement;
    const sorted = [...cards].sort((a, b) => (a.dataset.order < b.dataset.order ? -1 : 1));
    sorted.forEach((card, place) => {
      if (beds.children[place] !== card) beds.insertBefore(card, beds.children[place] || null);
    });
    if (focused && focused !== document.activeElement) focused.focus({ preventScroll: true });
  }

  function announce(cards) {
    const fresh = [];
    const seen = new Map();
    for (const card of cards) {
      for (const alert of card.querySelectorAll("[data-alert]")) {
        const id = alert.dataset.alert, rank = Number(alert.dataset.rank);
        if (known && rank > (known.get(id) ?? -1)) fresh.push([rank, card, alert]);
        seen.set(id, rank);
      }
    }
    known = seen;
    for (const [, card] of fresh) newUntil.set(card.dataset.encounter, Date.now() + NEW_MS);
    for (const card of cards) card.classList.toggle("new", (newUntil.get(card.dataset.encounter) ?? 0) > Date.now());
    fresh.sort((a, b) => b[0] - a[0]);
    if (!fresh.length) return;
    const words = fresh.slice(0, ANNOUNCED_MAX).map(([, card, alert]) =>
      card.dataset.label + ": " + alert.querySelector(".sentence").textContent.trim());
    const more = fresh.length > ANNOUNCED_MAX ? ["and " + (fresh.length - ANNOUNCED_MAX) + " more"] : [];
    const critical = fresh[0][0] === 3;
    $(critical ? "assertive" : "polite").textContent = [...words, ...more].join(" ");
  }

  // --- the pages of one bed: each part marked "fresh" is fetched again

  let refreshing = null;
  function refreshSoon() {
    refreshing = refreshing || setTimeout(refresh, REFRESH_MS);
  }

  async function refresh() {
    refreshing = null;
    let answer;
    try { answer = await fetch(location.href, { cache: "no-store" }); } catch { return; } // the watch says so
    if (!answer.ok && answer.status !== 404) return;
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    if (answer.status === 404) {
      const parts = [...document.querySelectorAll(".fresh")];
      told(page.querySelector("h1").textContent);
      parts.forEach((part) => part.classList.add("gone"));
      return;
    }
    for (const part of document.querySelectorAll(".fresh")) {
      const fresh = page.getElementById(part.id);
      if (!fresh || fresh.innerHTML === part.innerHTML) continue;
      const focused = part.contains(document.activeElement) ? document.activeElement.id : "";
      for (const open of part.querySelectorAll("details[open]")) page.getElementById(open.id)?.setAttribute("open", "");
      part.innerHTML = fresh.innerHTML;
      htmx.process(part);
      if (focused) $(focused)?.focus({ preventScroll: true });
    }
    tick();
    document.dispatchEvent(new Event("refreshed"));
  }

  // --- answers that failed

  let toldTimer = 0;
  function told(text) {
    const banner = $("said");
    banner.textContent = text;
    banner.hidden = false;
    clearTimeout(toldTimer);
    toldTimer = setTimeout(() => { banner.hidden = true; }, 15000);
  }

  document.addEventListener("htmx:responseError", (event) => told(event.detail.xhr.responseText || "Not saved."));
  for (const name of ["htmx:sendError", "htmx:timeout"]) {
    document.addEventListener(name, () => told("Not saved: the service cannot be reached. Watch the monitors."));
  }
  document.addEventListener("htmx:afterSettle", () => settled());

  for (const name of ["pointermove", "pointerdown", "touchstart"]) {
    document.addEventListener(name, (event) => {
      if (beds && event.target instanceof Node && beds.contains(event.target)) touchedAt = performance.now();
    }, { passive: true });
  }

  const by = $("by");
  try {
    by.value = sessionStorage.getItem("by") || by.value;
    by.addEventListener("change", () => sessionStorage.setItem("by", by.value));
  } catch { /* storage is off: the label lasts as long as the page */ }

  readClock();
  settled();
  setInterval(() => {
    tick();
    watch();
    if (waitsToSort) settled();
  }, 500);
  if (url) open();
  else say($("line"), "", "none");
})();
