"""What a browser does at a login, without one: follows redirects, keeps cookies, posts forms."""

import html
import http.client
import re
import urllib.parse
from http.cookies import SimpleCookie

REDIRECTS_MAX = 10


class Browser:
    def __init__(self):
        self.cookies: dict[str, str] = {}

    def fetch(self, url: str, form: dict | None = None) -> tuple[int, dict, str]:
        parts = urllib.parse.urlsplit(url)
        connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=30)
        headers = {}
        if self.cookies:
            headers["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        body = None
        if form is not None:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
            body = urllib.parse.urlencode(form)
        target = parts.path + ("?" + parts.query if parts.query else "")
        try:
            connection.request("GET" if form is None else "POST", target, body, headers)
            answer = connection.getresponse()
            for line in answer.headers.get_all("Set-Cookie") or []:
                for name, morsel in SimpleCookie(line).items():
                    self.cookies[name] = morsel.value
            return answer.status, dict(answer.getheaders()), answer.read().decode()
        finally:
            connection.close()

    def walk(self, url: str, until: str, form: dict | None = None) -> tuple[str, str]:
        """Follows redirects: to an address that starts with `until`, which is not fetched, or to a page. The
        address and the page."""
        for _ in range(REDIRECTS_MAX):
            status, headers, page = self.fetch(url, form)
            if status not in (301, 302, 303, 307):
                return url, page
            url, form = urllib.parse.urljoin(url, headers["Location"]), None
            if url.startswith(until):
                return url, ""
        raise AssertionError("too many redirects")

    def log_in(self, url: str, until: str, user: str, password: str) -> str:
        """Enters name and password and consents. The address that the client is sent to, or the page that
        refuses."""
        at, page = self.walk(url, until)
        if not at.startswith(until):
            at, page = self.submit(at, page, until, username=user, password=password)
        if not at.startswith(until) and 'name="accept"' in page:
            at, page = self.submit(at, page, until, accept="Yes")
        return at if at.startswith(until) else page

    def submit(self, url: str, page: str, until: str, **fields) -> tuple[str, str]:
        action = re.search(r'<form[^>]*\baction="([^"]+)"', page)
        assert action, f"no form at {url}:\n{page[:2000]}"
        hidden = re.findall(r'<input[^>]*type="hidden"[^>]*>', page)
        form = {}
        for field in hidden:
            name = re.search(r'\bname="([^"]*)"', field)
            value = re.search(r'\bvalue="([^"]*)"', field)
            if name:
                form[name[1]] = html.unescape(value[1]) if value else ""
        target = urllib.parse.urljoin(url, html.unescape(action[1]))
        return self.walk(target, until, form | fields)
