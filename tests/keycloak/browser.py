"""Headless Chromium, in which people log in at Keycloak's own pages."""

import os
import shutil
import tempfile
from collections.abc import Callable

from selenium import webdriver
from selenium.common.exceptions import WebDriverException
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.wait import WebDriverWait

DRIVER = "/usr/bin/chromedriver"  # Debian's, and so Selenium fetches none.
PATIENCE_SECONDS = 60


class Browser:
    def __init__(self):
        self.profile = tempfile.mkdtemp(prefix="mcpgate-chromium-", dir="/tmp")
        options = webdriver.ChromeOptions()
        for argument in ("headless=new", "disable-gpu", f"user-data-dir={self.profile}"):
            options.add_argument(f"--{argument}")
        if os.geteuid() == 0:  # Chromium refuses root its own sandbox.
            options.add_argument("--no-sandbox")
        options.add_argument("--disable-dev-shm-usage")
        try:
            self.driver = webdriver.Chrome(options, webdriver.ChromeService(DRIVER))
        except BaseException:
            shutil.rmtree(self.profile, ignore_errors=True)
            raise
        self.driver.set_page_load_timeout(PATIENCE_SECONDS)

    def close(self):
        self.driver.quit()
        shutil.rmtree(self.profile, ignore_errors=True)

    @property
    def address(self) -> str:
        return self.driver.current_url

    @property
    def text(self) -> str:
        """What a person reads on the page."""
        return self.driver.find_element(By.TAG_NAME, "body").text

    def log_in(self, url: str, user: str, password: str):
        """Enters name and password, as somebody who was never here, and consents where asked. Ends at the
        client's address, or at the page that refuses."""
        self.driver.execute_cdp_cmd("Network.clearBrowserCookies", {})
        self.driver.get(url)
        self._wait(lambda: self._find("username"), "the login page")
        self._find("username").send_keys(user)
        self._find("password").send_keys(password)
        self._press(self._find("kc-login"))
        if consent := self._find("kc-login"):
            if consent.get_attribute("name") == "accept":
                self._press(consent)

    def _find(self, name: str) -> WebElement | None:
        found = self.driver.find_elements(By.ID, name)
        return found[0] if found else None

    def _press(self, button: WebElement):
        """Waits for the page that comes instead."""
        self.driver.execute_script("window.isOld = true")
        button.click()
        is_new = "return !window.isOld && document.readyState === 'complete'"
        self._wait(lambda: self.driver.execute_script(is_new), "the next page")

    def _wait(self, condition: Callable[[], object], what: str):
        # Between two pages the driver has its own errors for whatever is asked.
        waiting = WebDriverWait(
            self.driver, PATIENCE_SECONDS, ignored_exceptions=[WebDriverException]
        )
        waiting.until(lambda _: condition(), what)
