// Drawings and pictures → inputs of the network: what datasets/preparation.py does for `mlplab predict`.

const DARK = 0.25;
const LIGHT = 0.75;
const LARGEST_SIDE = 256;

/** An RGBA image on white, as one of `channels` channels, 1 for grey. */
function opaque({ width, height, data }, channels) {
  const made = new Uint8Array(width * height * channels);
  for (let place = 0, at = 0; place < width * height; place++, at += 4) {
    const alpha = data[at + 3];
    const [red, green, blue] = [0, 1, 2].map((c) => (alpha === 255 ? data[at + c] : Math.round((data[at + c] * alpha + 255 * (255 - alpha)) / 255)));
    if (channels === 1) made[place] = (red * 19595 + green * 38470 + blue * 7471 + 0x8000) >> 16;
    else made.set([red, green, blue], place * 3);
  }
  return { width, height, channels, data: made };
}

/** Whether the background of a grey image is light; null if it is not plain, or of neither kind. */
function hasLightBackground({ width, height, data }) {
  const border = borderOf(width, height).map((at) => data[at]);
  const shade = median(border);
  const plain = border.filter((value) => Math.abs(value - shade) <= PLAIN * 255).length >= PLAIN_PIXELS * border.length;
  return plain && (shade < DARK * 255 || shade > LIGHT * 255) ? shade > LIGHT * 255 : null;
}

/** An image in the size of the network's, cut or with margins, inverted or not, as the training images were read. */
function asRead(image, { width, height, reading }) {
  let made = image;
  if (image.width !== width || image.height !== height) {
    made = reading.crop ? cropped(image, width, height) : padded(image, width, height);
  }
  return reading.invert ? { ...made, data: made.data.map((value) => 255 - value) } : made;
}

function cropped(image, width, height) {
  const [ratio, wanted] = [image.width / image.height, width / height];
  const across = ratio > wanted ? wanted * image.height : image.width;
  const down = ratio < wanted ? image.width / wanted : image.height;
  const [left, top] = [(image.width - across) / 2, (image.height - down) / 2];
  return resize(image, width, height, [left, top, left + across, top + down]);
}

function padded(image, width, height) {
  const { channels } = image;
  const [ratio, wanted] = [image.width / image.height, width / height];
  const inner = resize(
    image,
    Math.max(1, ratio < wanted ? even((image.width / image.height) * height) : width),
    Math.max(1, ratio > wanted ? even((image.height / image.width) * width) : height),
  );
  const border = borderOf(image.width, image.height);
  const colour = Array.from({ length: channels }, (_, c) => Math.trunc(median(border.map((at) => image.data[at * channels + c]))));
  const data = Float32Array.from({ length: width * height * channels }, (_, at) => colour[at % channels]);
  const [left, top] = [even((width - inner.width) / 2), even((height - inner.height) / 2)];
  for (let y = 0; y < inner.height; y++) {
    data.set(inner.data.subarray(y * inner.width * channels, (y + 1) * inner.width * channels), ((y + top) * width + left) * channels);
  }
  return { width, height, channels, data };
}

/** Prepare an image (grey, or rgb for networks of colour images) as `Preparation.pictures` does. */
function prepare(image, as) {
  const pixels = pixelsOf(image, as);
  if (!as.whole) return Float64Array.from(pixels, (value) => Math.fround(Math.fround(value) / Math.fround(255 / as.white)));
  const most = pixels.reduce((a, b) => Math.max(a, b), 0);
  return Float64Array.from(pixels, (value) => (most <= as.white ? value : even((value * as.white) / 255)));
}

function pixelsOf(image, as) {
  if (as.channels === 3 || as.reading.size) return asRead(image, as).data;
  const native = image.width === as.width && image.height === as.height;
  const small = thumbnail(image, Math.max(LARGEST_SIDE, as.width, as.height));
  const ink = as.framing?.box && !native ? findInk(small) : null;
  if (ink) return framed(ink, as.framing, as.width, as.height);
  const { data } = asRead(small, as);
  const light = as.framing && hasLightBackground({ ...as, data });
  return typeof light === "boolean" && light !== (as.framing.background === "light") ? data.map((value) => 255 - value) : data;
}
