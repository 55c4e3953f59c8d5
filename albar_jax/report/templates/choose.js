// Filters the example clips by class, model and verdict, and the tables of classes by model and name.
{
  const say = (filters, shown, all, unit) => {
    filters.querySelector("output").textContent = `${shown} of ${all} ${unit}`;
  };
  const values = (filters) => {
    const entries = [...filters.querySelectorAll("[data-state]")].map((control) => [control.dataset.state, control.value]);
    return Object.fromEntries(entries);
  };

  // A card is shown if a row of the chosen model has the chosen verdict.
  const showCard = (card, chosen) => {
    let isHit = false;
    for (const row of card.querySelectorAll("tr[data-model]")) {
      row.hidden = chosen.model !== "" && row.dataset.model !== chosen.model;
      isHit ||= !row.hidden && (chosen.verdict === "" || row.dataset.verdict === chosen.verdict);
    }
    card.hidden = !isHit || (chosen.class !== "" && card.dataset.class !== chosen.class);
    return !card.hidden;
  };

  const filterExamples = (section) => {
    const filters = section.querySelector(".filters");
    const cards = [...section.querySelectorAll(".example")];
    const chosen = values(filters);
    const shown = cards.filter((card) => showCard(card, chosen));
    say(filters, shown.length, cards.length, "clips");
  };

  const filterRows = (body, part) => {
    const rows = [...body.rows].filter((row) => !row.classList.contains("model"));
    for (const row of rows) row.hidden = !row.cells[0].textContent.toLowerCase().includes(part);
    return [rows.filter((row) => !row.hidden).length, rows.length];
  };

  const chooseModel = (group) => {
    const filters = group.querySelector(".filters");
    const chosen = values(filters);
    for (const part of group.querySelectorAll("[data-model]")) part.hidden = part.dataset.model !== chosen.model;
    const body = group.querySelector("tbody:not([hidden])");
    if (body) say(filters, ...filterRows(body, chosen.find.trim().toLowerCase()), "classes");
  };

  const connect = (group, update) => {
    group.querySelector(".filters").hidden = false;
    group.addEventListener("input", () => update(group));
    update(group);
  };

  document.documentElement.classList.add("scripted");
  document.querySelectorAll("#examples").forEach((group) => connect(group, filterExamples));
  document.querySelectorAll(".by-model").forEach((group) => connect(group, chooseModel));
}
