/* Copyright (c) prodready maintainers
   GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
   Filters, copying and printing. The page reads without it. */
(function () {
  "use strict";
  var get = function (id) { return document.getElementById(id); };
  var all = function (selector, within) { return Array.prototype.slice.call((within || document).querySelectorAll(selector)); };
  var form = get("filters"), query = get("q"), required = get("required"), expand = get("expand");
  var chips = all(".chip"), items = all(".item"), texts = new Map();

  function textOf(item) {
    if (!texts.has(item)) { texts.set(item, (item.id + " " + item.textContent).toLowerCase()); }
    return texts.get(item);
  }

  function pressed() {
    return chips.filter(function (chip) { return chip.getAttribute("aria-pressed") === "true"; })
      .map(function (chip) { return chip.dataset.s; });
  }

  function visible() { return items.filter(function (item) { return !item.classList.contains("off"); }); }

  function apply() {
    var statuses = pressed(), words = query.value.toLowerCase().split(/\s+/).filter(Boolean);
    items.forEach(function (item) {
      var fits = (!statuses.length || statuses.indexOf(item.dataset.s) >= 0) && (!required.checked || item.dataset.r) &&
        words.every(function (word) { return textOf(item).indexOf(word) >= 0; });
      item.classList.toggle("off", !fits);
    });
    all(".group").forEach(function (group) { group.classList.toggle("off", !group.querySelector(".item:not(.off)")); });
    // a heading without a group below it says nothing
    var used = [false, false];
    all("#checklist .path, #checklist .group").reverse().forEach(function (node) {
      if (node.classList.contains("group")) {
        if (!node.classList.contains("off")) { used = [true, true]; }
        return;
      }
      var level = node.classList.contains("path0") ? 0 : 1;
      node.classList.toggle("off", !used[level]);
      used[level] = false;
      if (!level) { used[1] = false; }
    });
    var count = visible().length;
    get("none").hidden = count > 0;
    get("shown").textContent = count === items.length ? "all " + count + " items" : count + " of " + items.length + " items";
    label();
  }

  function label() {
    var open = visible().length && visible().every(function (item) { return item.open; });
    expand.textContent = open ? "Collapse all" : "Expand all";
  }

  function remember() {
    var state = new URLSearchParams(), statuses = pressed();
    if (statuses.length) { state.set("status", statuses.join(".")); }
    if (required.checked) { state.set("required", "1"); }
    if (query.value) { state.set("q", query.value); }
    history.replaceState(null, "", "#" + (state.toString() || "checklist"));
  }

  function changed() { apply(); remember(); }

  function reveal(node) {
    for (var up = node; up; up = up.parentElement) {
      if (up.tagName === "DETAILS") { up.open = true; }
      if (up.classList.contains("off")) { reset(); }
    }
    node.scrollIntoView();
  }

  function reset() {
    query.value = "";
    required.checked = false;
    chips.forEach(function (chip) { chip.setAttribute("aria-pressed", "false"); });
    apply();
  }

  // the hash is either a place on the page or a filter
  function read() {
    var hash = location.hash.slice(1), place;
    try { place = hash && get(decodeURIComponent(hash)); } catch (malformed) { place = null; }
    if (place) { reveal(place); return; }
    if (hash.indexOf("=") < 0) { return; }
    var state = new URLSearchParams(hash), statuses = (state.get("status") || "").split(".");
    query.value = state.get("q") || "";
    required.checked = state.get("required") === "1";
    chips.forEach(function (chip) { chip.setAttribute("aria-pressed", String(statuses.indexOf(chip.dataset.s) >= 0)); });
    apply();
    get("checklist").scrollIntoView();
  }

  chips.forEach(function (chip) {
    chip.addEventListener("click", function () {
      chip.setAttribute("aria-pressed", String(chip.getAttribute("aria-pressed") !== "true"));
      changed();
    });
  });
  var timer;
  query.addEventListener("input", function () { clearTimeout(timer); timer = setTimeout(changed, 120); });
  required.addEventListener("change", changed);
  form.addEventListener("submit", function (event) { event.preventDefault(); changed(); });
  expand.addEventListener("click", function () {
    var open = expand.textContent === "Expand all";
    visible().forEach(function (item) { item.open = open; });
    label();
  });
  items.forEach(function (item) { item.addEventListener("toggle", label); });

  // copying a command
  function copy(text, done) {
    if (navigator.clipboard) { navigator.clipboard.writeText(text).then(done, function () { select(text, done); }); } else { select(text, done); }
  }
  function select(text, done) {
    var area = document.createElement("textarea");
    area.value = text;
    document.body.appendChild(area);
    area.select();
    if (document.execCommand("copy")) { done(); }
    area.remove();
  }
  all(".command").forEach(function (pre) {
    var box = document.createElement("div"), button = document.createElement("button");
    box.className = "copybox";
    button.type = "button";
    button.className = "copy";
    button.textContent = "Copy";
    button.addEventListener("click", function () {
      copy(pre.textContent, function () {
        button.textContent = "Copied";
        setTimeout(function () { button.textContent = "Copy"; }, 1500);
      });
    });
    pre.replaceWith(box);
    box.append(pre, button);
  });

  // paper shows the whole report: what is not green is opened, what a filter hid comes back by the style
  var opened = [];
  window.addEventListener("beforeprint", function () {
    opened = all(".card:not([open]), .todo:not([open]), .scope details:not([open])");
    opened.forEach(function (node) { node.open = true; });
  });
  window.addEventListener("afterprint", function () { opened.forEach(function (node) { node.open = false; }); });

  function measure() { document.documentElement.style.scrollPaddingTop = form.offsetHeight + 12 + "px"; }

  form.hidden = false;
  apply();
  measure();
  window.addEventListener("resize", measure);
  window.addEventListener("hashchange", read);
  read();
}());
