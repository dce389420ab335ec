// The check_session_iframe of OpenID Connect Session Management §3.2. A page of
// a client asks "client_id session_state" and hears whether the browser is
// still signed in as it was when it got that session_state.
"use strict";
const cookie = "COOKIE_NAME" + "=";

function browserState() {
  const pair = document.cookie.split("; ").find((c) => c.startsWith(cookie));
  return pair ? pair.slice(cookie.length) : "";
}

function base64url(bytes) {
  return btoa(String.fromCharCode(...bytes)).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
}

async function check(message, origin) {
  const space = typeof message === "string" ? message.lastIndexOf(" ") : -1;
  const [hash, salt, more] = space > 0 ? message.slice(space + 1).split(".") : [];
  if (!hash || !salt || more !== undefined || message.length > 4096 || !window.crypto.subtle) {
    return "error";
  }
  const text = message.slice(0, space) + " " + origin + " " + browserState() + " " + salt;
  const sum = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  return base64url(new Uint8Array(sum)) === hash ? "unchanged" : "changed";
}

window.addEventListener("message", async (e) => {
  // Only to the page that asked, and only what it may know: its origin is part
  // of the hash.
  if (e.source && e.source !== window && e.origin !== "null") {
    e.source.postMessage(await check(e.data, e.origin), e.origin);
  }
});
