// Goes on when every page has been loaded, or when one takes too long.
"use strict";
const go = () => window.location.replace(document.getElementById("logout-continue").href);
window.addEventListener("load", go);
setTimeout(go, 7000);
