// The confusion matrix. Each cell is a button that shows its images.

function matrix() {
  const { classes, of_true, of_predicted } = data.matrix;
  const table = $("#matrix");
  const buttons = $$("button", table);
  const across = classes.length;
  table.classList.toggle("many", across > 12);

  function label(button, by) {
    const [i, j, count] = ["row", "column", "count"].map((name) => Number(button.dataset[name]));
    const shares = { row: of_true[i] ? count / of_true[i] : 0, column: of_predicted[j] ? count / of_predicted[j] : 0 };
    const share = by === "column" ? shares.column : shares.row;
    const names = [classNames[classes[i]], classNames[classes[j]]];
    button.style.setProperty("--share", share);
    button.textContent = !count ? "·" : by === "count" ? count : (100 * share).toFixed(share < 0.0995 ? 1 : 0);
    button.setAttribute("aria-label", `true ${names[0]}, predicted ${names[1]}: ${whole(count)} ${itemName(count)}, ` +
      (by === "column" ? `${percent(share)} of what was predicted ${names[1]}` : `${percent(share)} of ${names[0]}`));
    button.title = button.getAttribute("aria-label");
  }

  const labelAll = (by) => buttons.forEach((button) => label(button, by));
  $$("[data-share]").forEach((choice, _, all) => choice.addEventListener("click", () => {
    all.forEach((other) => other.setAttribute("aria-pressed", other === choice));
    labelAll(choice.dataset.share);
  }));
  table.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (!button) return;
    buttons.forEach((other) => { other.tabIndex = other === button ? 0 : -1; });
    showCell(classNames[classes[button.dataset.row]], classNames[classes[button.dataset.column]]);
  });
  table.addEventListener("keydown", (event) => {
    const current = buttons.indexOf(event.target);
    const edge = { ArrowLeft: current % across === 0, ArrowRight: current % across === across - 1 }[event.key];
    if (!edge && moveWithin(buttons, current, event.key, across)) event.preventDefault();
  });
  document.addEventListener("matcheschange", () => buttons.forEach((button) => {
    const isShown = state.true === classNames[classes[button.dataset.row]] && state.predicted === classNames[classes[button.dataset.column]];
    isShown ? button.setAttribute("aria-current", "true") : button.removeAttribute("aria-current");
  }));
  $$(".pair").forEach((button) => button.addEventListener("click", () => showCell(button.dataset.true, button.dataset.predicted)));
  labelAll("count");
  if (buttons.length) buttons[0].tabIndex = 0;
}

/** Show the images of one cell, and scroll to them. */
function showCell(trueClass, predictedClass) {
  filter({ ...START, sort: state.sort, show: trueClass === predictedClass ? "right" : "failures", true: trueClass, predicted: predictedClass }, true);
  scrollToGallery();
}

function scrollToGallery() {
  $("#filters").scrollIntoView({ block: "start" });
  ($("#gallery button") ?? $("#found")).focus({ preventScroll: true });
}
