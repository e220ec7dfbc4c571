/* The collector's script, as it is read by people; sextant.min.js is what is sent.
 *
 * Nothing is stored or sent before sextant("consent", true), on every page. Calls that come earlier
 * wait in the page's memory. A browser that asks not to be tracked stores and sends nothing at all.
 */
(function (window, document, navigator, location) {
    var url = document.currentScript.src.replace("/s.js", "/e");
    var refuses = navigator.doNotTrack == 1 || navigator.globalPrivacyControl;
    var waiting = [];
    var visitor, since;

    function random() {
        return [...crypto.getRandomValues(new Uint32Array(3))].map((n) => n.toString(36)).join("");
    }

    function keep(value, seconds) {
        document.cookie = "sextant=" + value + ";path=/;SameSite=Lax;max-age=" + seconds +
            (location.protocol > "http:" ? ";Secure" : "");
    }

    function send(body) {
        body.v = visitor;
        body = JSON.stringify(body);
        navigator.sendBeacon && navigator.sendBeacon(url, body) ||
            fetch(url, { method: "POST", body: body, keepalive: true, mode: "no-cors" });
    }

    function seen(kind, more) {
        send({ e: [{ t: kind, k: random(), p: location.pathname, ...more }] });
    }

    function used() {
        visitor && since && seen("use", { d: (Date.now() - since) / 1000 });
        since = 0;
    }

    function agree() {
        var ask = new URLSearchParams(location.search);
        var link = location.hash.match(/sx=([\w.-]+)/);
        visitor = (document.cookie.match(/\bsextant=(\w+)/) || [0, random()])[1];
        keep(visitor, 34e6);
        since = Date.now();
        link && (send({ i: link[1] }), history.replaceState(history.state, "", location.pathname + location.search));
        seen("visit", {
            us: ask.get("utm_source"), um: ask.get("utm_medium"), uc: ask.get("utm_campaign"),
            r: document.referrer.split("/")[2],
        });
        waiting.splice(0).map(call);
    }

    function call(words) {
        var what = words[0], value = words[1];
        if (refuses) return;
        if (what == "consent") value ? visitor || agree() : (visitor = 0, keep("", 0));
        else if (!visitor) waiting.push(words);
        else if (what == "view") seen(what, { c: value });
        else if (what == "search") seen(what, { q: value });
        else if (what == "visit") seen(what);
        else if (what == "identify") send({ i: value });
        else if (what == "form") send({ m: value });
    }

    var early = window.sextant && window.sextant.q || [];
    window.sextant = function () { call(arguments); };
    early.map(call);
    addEventListener("pagehide", used);
})(window, document, navigator, location);
