// Shows the frames of a clip as a moving picture: while the pointer is on it, or after its button.
{
  // Milliseconds for each frame.
  const PAUSE = 160;
  const still = matchMedia("(prefers-reduced-motion: reduce)");

  const addControls = (player, frames) => {
    const button = document.createElement("button");
    button.type = "button";
    const slider = document.createElement("input");
    Object.assign(slider, { type: "range", min: 1, max: frames.length, value: 1 });
    slider.setAttribute("aria-label", `Frame of ${player.dataset.clip}`);
    const controls = document.createElement("div");
    controls.className = "controls";
    controls.append(button, slider);
    player.append(controls);
    return { button, slider };
  };

  const label = (player, button, isPlaying) => {
    button.setAttribute("aria-label", `${isPlaying ? "Pause" : "Play"} ${player.dataset.clip}`);
    button.classList.toggle("playing", isPlaying);
  };

  const makePlayer = (player) => {
    const frames = [...player.querySelectorAll("img")];
    const { button, slider } = addControls(player, frames);
    let timer = null;

    const show = (index) => {
      frames.forEach((frame, at) => frame.classList.toggle("shown", at === index));
      slider.value = index + 1;
    };
    const stop = () => {
      clearInterval(timer);
      timer = null;
      label(player, button, false);
    };
    const play = () => {
      stop();
      timer = setInterval(() => show(slider.value % frames.length), PAUSE);
      label(player, button, true);
    };
    return { show, stop, play, button, slider, isPlaying: () => timer !== null };
  };

  const connect = (player) => {
    const { show, stop, play, button, slider, isPlaying } = makePlayer(player);
    const picture = player.querySelector(".frames");
    let byButton = false;
    const toggle = () => {
      byButton = !byButton;
      (byButton ? play : stop)();
    };
    button.addEventListener("click", toggle);
    picture.addEventListener("click", toggle);
    picture.addEventListener("pointerenter", () => still.matches || isPlaying() || play());
    picture.addEventListener("pointerleave", () => byButton || stop());
    slider.addEventListener("input", () => {
      byButton = false;
      stop();
      show(slider.value - 1);
    });
    player.classList.add("moves");
    stop();
    show(0);
  };

  document.querySelectorAll(".player").forEach(connect);
}
