// Images resized as Pillow does it. An image is { width, height, channels, data }, its data from 0 to 255 in rows.

/** Rounded to a whole number, halves to the even one, as Python and NumPy do. */
function even(x) {
  const floor = Math.floor(x);
  const rest = x - floor;
  return rest > 0.5 || (rest === 0.5 && floor % 2) ? floor + 1 : floor;
}

/** Bicubic with a = -0.5; widened when an image shrinks, applied first along rows, then along columns. */
function cubic(x) {
  const far = Math.abs(x);
  if (far < 1) return (1.5 * far - 2.5) * far * far + 1;
  return far < 2 ? ((-0.5 * far + 2.5) * far - 4) * far + 2 : 0;
}

/** For each pixel of a line of `to` pixels: the first pixel of the line of `from` that counts, and the weights. */
function taps(from, to, start, stop) {
  const scale = (stop - start) / to;
  const wide = Math.max(scale, 1);
  return Array.from({ length: to }, (_, place) => {
    const centre = start + (place + 0.5) * scale;
    const first = Math.max(0, Math.trunc(centre - 2 * wide + 0.5));
    const last = Math.min(from, Math.trunc(centre + 2 * wide + 0.5));
    const weights = Float64Array.from({ length: last - first }, (_, i) => cubic((i + first - centre + 0.5) / wide));
    const sum = weights.reduce((a, b) => a + b, 0);
    return { first, weights: sum ? weights.map((weight) => weight / sum) : weights };
  });
}

/** Resize an image; `box`: left, top, right, bottom of the part that is taken. `round`: to whole numbers, 0 to 255. */
function resize(image, width, height, box = [0, 0, image.width, image.height], round = true) {
  const { channels } = image;
  const finish = round ? (value) => Math.min(Math.max(Math.round(value), 0), 255) : Math.fround;
  let { data } = image;
  if (width !== image.width || box[0] !== 0 || box[2] !== image.width) {
    const across = taps(image.width, width, box[0], box[2]);
    const made = new Float32Array(image.height * width * channels);
    for (let row = 0; row < image.height; row++) {
      for (let x = 0; x < width; x++) {
        const { first, weights } = across[x];
        for (let c = 0; c < channels; c++) {
          let sum = 0;
          for (let i = 0, at = (row * image.width + first) * channels + c; i < weights.length; i++, at += channels) sum += data[at] * weights[i];
          made[(row * width + x) * channels + c] = finish(sum);
        }
      }
    }
    data = made;
  }
  if (height !== image.height || box[1] !== 0 || box[3] !== image.height) {
    const down = taps(image.height, height, box[1], box[3]);
    const line = width * channels;
    const made = new Float32Array(height * line);
    for (let y = 0; y < height; y++) {
      const { first, weights } = down[y];
      for (let x = 0; x < line; x++) {
        let sum = 0;
        for (let i = 0, at = first * line + x; i < weights.length; i++, at += line) sum += data[at] * weights[i];
        made[y * line + x] = finish(sum);
      }
    }
    data = made;
  }
  return { width, height, channels, data };
}

/** Means of blocks of pixels; those at the right and at the bottom may be smaller. */
function reduce(image, across, down) {
  const width = Math.ceil(image.width / across);
  const height = Math.ceil(image.height / down);
  const data = new Float32Array(width * height);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      let sum = 0;
      let count = 0;
      for (let row = y * down; row < Math.min((y + 1) * down, image.height); row++) {
        for (let column = x * across; column < Math.min((x + 1) * across, image.width); column++, count++) sum += image.data[row * image.width + column];
      }
      data[y * width + x] = Math.round(sum / count);
    }
  }
  return { width, height, channels: 1, data };
}

/** A grey image with sides of at most `side` pixels. */
function thumbnail(image, side) {
  const aspect = image.width / image.height;
  if (image.width <= side && image.height <= side) return image;
  const nearest = (value, error) => Math.max(1, error(Math.floor(value)) <= error(Math.ceil(value)) ? Math.floor(value) : Math.ceil(value));
  const width = aspect >= 1 ? side : nearest(side * aspect, (n) => Math.abs(aspect - n / side));
  const height = aspect >= 1 ? nearest(side / aspect, (n) => (n === 0 ? 0 : Math.abs(aspect - side / n))) : side;
  const [across, down] = [image.width / width, image.height / height].map((factor) => Math.max(1, Math.trunc(factor / 2)));
  if (across === 1 && down === 1) return resize(image, width, height);
  return resize(reduce(image, across, down), width, height, [0, 0, image.width / across, image.height / down]);
}
