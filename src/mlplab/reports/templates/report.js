// Starts the page.

/** Show what the address names: filters, an open row. The browser handles addresses of sections. */
function follow() {
  const open = Number(new URLSearchParams(location.hash.slice(1)).get("open") ?? NaN);
  const filters = stateOf(location.hash);
  if (filters) {
    state = filters;
    showMatches();
  }
  const row = rows.index.indexOf(open);
  if (filters || row >= 0) $("#filters").scrollIntoView({ block: "start" });
  if (row >= 0) view(row, matches.includes(row) ? matches : [row]);
}

gallery();
matrix();
if (data.labels) doubtfulLabels();
if ($("#map-canvas") && rows.projection) scatter();
history.replaceState({ filters: state }, "", location.href);
showMatches();
follow();
addEventListener("popstate", ({ state: entry }) => {
  if (!entry?.filters) return follow(); // a typed address, or a section's
  state = entry.filters;
  return showMatches();
});
