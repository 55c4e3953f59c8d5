// Turns the headings of the tables into buttons that sort.
document.querySelectorAll("table.sortable").forEach((table) => {
  const headings = [...table.tHead.rows[0].cells];
  const key = (row, column) => {
    const cell = row.cells[column];
    const text = cell.textContent.trim();
    return cell.tagName === "TH" ? text : Number.parseFloat(text.replace("−", "-"));
  };
  const compare = (a, b) => (typeof a === "string" ? a.localeCompare(b, "en", { numeric: true }) : a - b);
  const sort = (column, direction) => {
    for (const body of table.tBodies) {
      const rows = [...body.rows];
      // Missing figures stay at the end in both directions.
      const known = rows.filter((row) => !Number.isNaN(key(row, column)));
      known.sort((a, b) => direction * compare(key(a, column), key(b, column)));
      body.append(...known, ...rows.filter((row) => Number.isNaN(key(row, column))));
    }
  };
  headings.forEach((heading, column) => {
    if (heading.classList.contains("plain")) return;
    const button = document.createElement("button");
    button.type = "button";
    button.append(...heading.childNodes);
    heading.append(button);
    button.addEventListener("click", () => {
      const now = heading.getAttribute("aria-sort");
      const first = heading.dataset.first === "asc" ? "ascending" : "descending";
      const next = now === null ? first : now === "ascending" ? "descending" : "ascending";
      headings.forEach((other) => other.removeAttribute("aria-sort"));
      heading.setAttribute("aria-sort", next);
      sort(column, next === "ascending" ? 1 : -1);
    });
  });
});
