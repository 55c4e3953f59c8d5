// Keeps the choices of a section in the fragment (#examples?class=golf), and follows such links.
{
  // Whether a link makes the choices, and not the reader.
  let isFollowing = false;

  const controls = (section) => [...section.querySelectorAll("[data-state]")];
  const first = (control) => (control.tagName === "SELECT" ? control.options[0].value : "");

  const remember = (section) => {
    const state = new URLSearchParams();
    for (const control of controls(section)) {
      if (control.value !== first(control)) state.set(control.dataset.state, control.value);
    }
    const query = state.toString();
    history.replaceState(null, "", `#${section.id}${query && "?"}${query}`);
  };

  // An unknown value chooses the first.
  const restore = (section, state) => {
    isFollowing = true;
    for (const control of controls(section)) {
      const value = state.get(control.dataset.state) ?? first(control);
      const isKnown = control.tagName !== "SELECT" || [...control.options].some((option) => option.value === value);
      control.value = isKnown ? value : first(control);
      control.dispatchEvent(new Event("input", { bubbles: true }));
    }
    isFollowing = false;
  };

  const reveal = (target) => {
    for (let fold = target.closest("details"); fold; fold = fold.parentElement.closest("details")) fold.open = true;
    // A filter may hide a card that a link names.
    if (target.hidden) restore(target.closest("details.section"), new URLSearchParams());
    target.scrollIntoView();
  };

  const follow = () => {
    const [id, query] = location.hash.slice(1).split("?", 2);
    const target = id && document.getElementById(id);
    if (!target) return;
    if (query !== undefined) restore(target, new URLSearchParams(query));
    reveal(target);
  };

  follow();
  addEventListener("hashchange", follow);
  for (const section of document.querySelectorAll("details.section")) {
    for (const control of controls(section)) {
      control.addEventListener("input", () => isFollowing || remember(section));
    }
  }
}
