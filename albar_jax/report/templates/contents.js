// Marks the visible section in the contents, and folds the contents on narrow screens.
{
  const menu = document.querySelector(".contents .menu");
  const links = new Map([...document.querySelectorAll(".contents a")].map((link) => [link.hash.slice(1), link]));
  const visible = new Set();

  const mark = () => {
    const current = [...links.keys()].find((id) => visible.has(id));
    if (current === undefined) return;
    for (const link of links.values()) link.removeAttribute("aria-current");
    links.get(current).setAttribute("aria-current", "true");
    menu.querySelector(".here").textContent = links.get(current).textContent;
  };

  const observer = new IntersectionObserver(
    (entries) => {
      for (const { target, isIntersecting } of entries) visible[isIntersecting ? "add" : "delete"](target.id);
      mark();
    },
    { rootMargin: "-80px 0px -55% 0px" },
  );
  document.querySelectorAll("details.section").forEach((section) => observer.observe(section));

  const expand = (isExpanded) => menu.setAttribute("aria-expanded", isExpanded);
  menu.hidden = false;
  menu.addEventListener("click", () => expand(menu.getAttribute("aria-expanded") !== "true"));
  for (const link of links.values()) link.addEventListener("click", () => expand(false));
  addEventListener("keydown", (event) => {
    if (event.key === "Escape") expand(false);
  });
}
