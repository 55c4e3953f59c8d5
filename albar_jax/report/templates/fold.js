// Opens and folds all sections by buttons, and opens them for printing.
{
  const sections = [...document.querySelectorAll("details")];

  for (const button of document.querySelectorAll("[data-fold]")) {
    button.parentElement.hidden = false;
    button.addEventListener("click", () => {
      for (const section of document.querySelectorAll("details.section")) section.open = button.dataset.fold === "open";
    });
  }

  let folded = [];
  addEventListener("beforeprint", () => {
    folded = sections.filter((section) => !section.open);
    for (const section of folded) section.open = true;
  });
  addEventListener("afterprint", () => {
    for (const section of folded) section.open = false;
  });
}
