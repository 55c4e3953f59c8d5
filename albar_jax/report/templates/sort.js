// Turns the headings of the tables into buttons that sort.
{
  // Row headings are text, all other cells are numbers, such as "< 0.001"; a dash is NaN.
  const key = (row, column) => {
    const cell = row.cells[column];
    const text = cell.textContent.trim();
    return cell.tagName === "TH" ? text : Number.parseFloat(text.replace("−", "-").replace(/[,<]/g, ""));
  };

  const compare = (a, b) => (typeof a === "string" ? a.localeCompare(b, "en", { numeric: true }) : a - b);

  const sortBody = (body, column, direction) => {
    const rows = [...body.rows].filter((row) => !row.classList.contains("model"));
    const keys = new Map(rows.map((row) => [row, key(row, column)]));
    // Missing figures stay at the end in both directions.
    const known = rows.filter((row) => !Number.isNaN(keys.get(row)));
    known.sort((a, b) => direction * compare(keys.get(a), keys.get(b)));
    body.append(...known, ...rows.filter((row) => Number.isNaN(keys.get(row))));
  };

  const toggle = (table, heading, column) => {
    const now = heading.getAttribute("aria-sort");
    const first = heading.dataset.first === "asc" ? "ascending" : "descending";
    const next = now === null ? first : now === "ascending" ? "descending" : "ascending";
    for (const other of heading.parentElement.cells) other.removeAttribute("aria-sort");
    heading.setAttribute("aria-sort", next);
    for (const body of table.tBodies) sortBody(body, column, next === "ascending" ? 1 : -1);
  };

  const addButton = (table, heading, column) => {
    if (heading.classList.contains("plain")) return;
    const button = document.createElement("button");
    button.type = "button";
    button.append(...heading.childNodes);
    heading.append(button);
    button.addEventListener("click", () => toggle(table, heading, column));
  };

  for (const table of document.querySelectorAll("table.sortable")) {
    [...table.tHead.rows[0].cells].forEach((heading, column) => addButton(table, heading, column));
  }
}
