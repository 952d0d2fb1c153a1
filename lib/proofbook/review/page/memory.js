// What this browser remembers: who reviews, for every server of this host, and drafts of this page.
const YEAR = 365 * 24 * 3600;
const cookie = (name) => document.cookie.split("; ").find((each) => each.startsWith(`${name}=`))?.slice(name.length + 1);

export function person() {
  const known = cookie("proofbook-reviewer");
  try {
    const { name = "", role = "" } = known ? JSON.parse(decodeURIComponent(known)) : {};
    return { name: String(name), role: String(role) };
  } catch {
    return { name: "", role: "" };
  }
}

export function setPerson(name, role) {
  const value = encodeURIComponent(JSON.stringify({ name, role }));
  document.cookie = `proofbook-reviewer=${value}; path=/; max-age=${YEAR}; samesite=strict`;
}

// A draft outlives a reload, until its answer is acknowledged.
const key = (item) => `proofbook-draft\n${document.getElementById("run").textContent}\n${item.job}\n${item.question}`;

export function recall(item) {
  return item ? JSON.parse(sessionStorage.getItem(key(item)) ?? "{}") : {};
}

export function remember(item, values) {
  sessionStorage.setItem(key(item), JSON.stringify({ ...recall(item), ...values }));
}

export function forget(item) {
  sessionStorage.removeItem(key(item));
}
