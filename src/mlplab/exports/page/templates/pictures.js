// Images that a person chooses, drops or pastes.

const MOST_BYTES = 60e6;
const MOST_SIDE = 2048;

/** Listen for images: `taken(canvas, image, name)` gets one on a canvas and as pixels, `problem(words)` what is wrong. */
function acceptPictures(channels, taken, problem) {
  const first = (list) => [...(list ?? [])].find((file) => file.type.startsWith("image/")) ?? list?.[0];
  const open = async (file) => {
    problem("");
    const canvas = await opened(file);
    if (!canvas) {
      const large = file.size > MOST_BYTES ? ", or too large" : "";
      problem(`${file.name || "This"} is no image that the browser can read${large}. Choose a PNG, JPEG or WebP file.`);
      return;
    }
    const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
    taken(canvas, opaque({ width: canvas.width, height: canvas.height, data }, channels), file.name || "that was pasted");
  };
  const choose = $("#file");
  choose.addEventListener("change", () => { if (choose.files[0]) open(choose.files[0]); choose.value = ""; });
  document.addEventListener("paste", (event) => {
    const file = first(event.clipboardData?.files);
    if (!file) return;
    event.preventDefault();
    open(file);
  });
  const over = (is) => document.body.classList.toggle("dropping", is);
  document.addEventListener("dragover", (event) => { event.preventDefault(); over(true); });
  document.addEventListener("dragleave", (event) => { if (!event.relatedTarget) over(false); });
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    over(false);
    const file = first(event.dataTransfer?.files);
    if (file) open(file);
    else problem("Nothing that was dropped is a file. Save the image, and drop the file.");
  });
}

/** An image file on a canvas, smaller if it is very large; null if it cannot be read. */
async function opened(file) {
  if (file.size > MOST_BYTES) return null;
  let bitmap;
  try {
    bitmap = await createImageBitmap(file);
  } catch {
    return null;
  }
  const scale = Math.min(1, MOST_SIDE / Math.max(bitmap.width, bitmap.height));
  const [width, height] = [bitmap.width, bitmap.height].map((side) => Math.max(1, Math.round(side * scale)));
  const canvas = element("canvas", { width, height });
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.imageSmoothingQuality = "high";
  context.drawImage(bitmap, 0, 0, width, height);
  bitmap.close();
  return canvas;
}
