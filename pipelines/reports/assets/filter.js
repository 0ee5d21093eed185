
// Shows of the cards in a section those with the text that is typed into the section's search box.
for (const box of document.querySelectorAll("input[type=search]")) {
  const cards = box.closest("section").querySelectorAll(".item");
  const count = box.parentElement.querySelector("output");
  box.parentElement.hidden = cards.length === 0;
  box.addEventListener("input", () => {
    const wanted = box.value.trim().toLowerCase();
    let shown = 0;
    for (const card of cards) {
      card.hidden = !card.textContent.toLowerCase().includes(wanted);
      shown += card.hidden ? 0 : 1;
    }
    count.textContent = wanted ? `${shown} of ${cards.length}` : "";
  });
}
