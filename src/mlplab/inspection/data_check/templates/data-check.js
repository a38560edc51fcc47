// The pictures of the rows.

const { images } = json("pictures");
const pictures = images && new Sprites(images);
if (pictures) {
  for (const place of $$(".picture")) {
    place.append(pictures.canvas(Number(place.dataset.image), 84, place.dataset.label));
  }
}
