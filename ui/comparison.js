// Fields of Plex and Stash side by side, as text. Pure.

/** @typedef {import("./types").FieldValue} FieldValue */

/** @type {Readonly<Record<string, string>>} */
const NAMES = {
  title: "Title",
  summary: "Summary",
  originallyAvailableAt: "Date",
  studio: "Studio",
  actor: "Actors",
  genre: "Genres",
  userRating: "Rating",
  director: "Director",
  collection: "Collections",
};

/** @param {string} field Plex's name @returns {string} */
export const fieldName = (field) => NAMES[field] || field;

/** @param {FieldValue | null | undefined} value @returns {string} */
export const asText = (value) => (Array.isArray(value) ? value.join(", ") : value || "");

/**
 * @param {{ current: Record<string, FieldValue>, wanted: Record<string, FieldValue>, send: Record<string, FieldValue> }} item
 * @returns {{ field: string, plex: string, stash: string, differs: boolean }[]} those that differ first
 */
export function rowsOf(item) {
  const fields = [...new Set([...Object.keys(item.wanted), ...Object.keys(item.current)])];
  const all = fields.map((field) => ({
    field: fieldName(field),
    plex: asText(item.current[field]),
    stash: asText(item.wanted[field]),
    differs: field in item.send,
  }));
  const rows = all.filter((row) => row.differs || row.plex || row.stash);
  return [...rows.filter((row) => row.differs), ...rows.filter((row) => !row.differs)];
}

/**
 * Where Plex Web shows an item; "" if that is not known, or if the address is no web address.
 * @param {string} plexUrl
 * @param {string | null} server its machineIdentifier
 * @param {number} ratingKey
 */
export function plexWebAddress(plexUrl, server, ratingKey) {
  if (!server) return "";
  try {
    const base = new URL(/^https?:\/\//i.test(plexUrl) ? plexUrl : `http://${plexUrl}`);
    if (base.protocol !== "http:" && base.protocol !== "https:") return "";
    const key = encodeURIComponent(`/library/metadata/${ratingKey}`);
    return `${base.origin}/web/index.html#!/server/${encodeURIComponent(server)}/details?key=${key}`;
  } catch {
    return "";
  }
}
