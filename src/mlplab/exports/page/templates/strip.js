// Test images to choose from, each with its label, and with what the network reads if that is another class.

class Strip {
  /** `chosen(k)` is called for a click; `answer(input)` gives the class that the network reads now. */
  constructor({ strip, classes }, as, inputs, chosen, answer) {
    Object.assign(this, { strip, classes, inputs, answer });
    this.shots = inputs.map((input, k) => {
      const canvas = element("canvas", { "aria-hidden": "true" });
      putInput(canvas, input, as);
      const read = element("span", { class: "read" });
      const button = element("button", { type: "button" }, canvas, element("span", { class: "label" }, classes[strip.labels[k]]), read);
      button.addEventListener("click", () => chosen(k));
      return { button, read };
    });
    if (!inputs.length) return;
    $("#strip").append(...this.shots.map(({ button }) => button));
    oneTabStop($("#strip"));
    this.unbroken = null;
    this.judge();
  }

  mark(k) {
    this.shots.forEach(({ button }, place) => {
      if (place === k) button.setAttribute("aria-current", "true");
      else button.removeAttribute("aria-current");
    });
  }

  /** Mark what is read wrong, and say how many are right. The first time the network must be whole. */
  judge() {
    if (!this.inputs.length) return;
    let right = 0;
    this.shots.forEach(({ button, read }, k) => {
      const [answer, label] = [this.answer(this.inputs[k]), this.strip.labels[k]];
      const missed = answer !== label;
      right += missed ? 0 : 1;
      button.classList.toggle("missed", missed);
      read.textContent = missed ? this.classes[answer] : "";
      button.setAttribute("aria-label", `Test image ${this.strip.index[k]}, labelled ${this.classes[label]}${missed ? `, read as ${this.classes[answer]}` : ""}`);
    });
    this.unbroken ??= right;
    $("#score").textContent = `${right} of these ${this.shots.length} test images are right${right === this.unbroken ? "" : `; ${this.unbroken} were, unbroken`}.`;
  }
}
