
// A timeline becomes one stop of the tab key, on which arrow keys, a mouse or a finger go from segment to segment.
for (const lane of document.querySelectorAll(".lane")) {
  const segments = [...lane.querySelectorAll("rect")];
  const says = lane.parentElement.querySelector(".says");
  const texts = segments.map((segment) => segment.querySelector("title").textContent);
  let current = -1;
  const show = (index) => {
    segments[current]?.classList.remove("on");
    current = Math.min(Math.max(index, 0), segments.length - 1);
    segments[current].classList.add("on");
    says.textContent = texts[current];
    lane.setAttribute("aria-valuenow", current + 1);
    lane.setAttribute("aria-valuetext", texts[current]);
  };
  const steps = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1, PageUp: 10, PageDown: -10,
                  Home: -Infinity, End: Infinity };
  lane.setAttribute("role", "slider");
  lane.setAttribute("tabindex", "0");
  lane.setAttribute("aria-valuemin", 1);
  lane.setAttribute("aria-valuemax", segments.length);
  lane.setAttribute("aria-valuenow", 1);
  lane.setAttribute("aria-valuetext", texts[0]);
  says.textContent = "Point at a segment, or go there with the arrow keys.";
  says.hidden = false;
  lane.addEventListener("focus", () => show(current));
  lane.addEventListener("pointerover", (event) => {
    const index = segments.indexOf(event.target);
    if (index >= 0) show(index);
  });
  lane.addEventListener("keydown", (event) => {
    if (!(event.key in steps) || event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    show(current + steps[event.key]);
  });
}
