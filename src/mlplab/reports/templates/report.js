// The page begins here.

/** Do what the address asks for: a selection, an open row. Addresses of sections are the browser's. */
function follow() {
  const open = Number(new URLSearchParams(location.hash.slice(1)).get("open") ?? NaN);
  const asked = stateOf(location.hash);
  if (asked) {
    state = asked;
    showFound();
  }
  const row = rows.index.indexOf(open);
  if (asked || row >= 0) $("#filters").scrollIntoView({ block: "start" });
  if (row >= 0) view(row, found.includes(row) ? found : [row]);
}

gallery();
matrix();
if (data.labels) doubtfulLabels();
if ($("#map-canvas") && rows.projection) scatter();
history.replaceState({ asked: state }, "", location.href);
showFound();
follow();
addEventListener("popstate", ({ state: kept }) => {
  if (!kept?.asked) return follow(); // an address that was typed, or of a section
  state = kept.asked;
  return showFound();
});
