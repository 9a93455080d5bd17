"""The chart's alerts: rules that Prometheus takes, each with a test and a section in docs/alerts.md."""

import re
import subprocess
import unittest
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parent.parent.parent
ALERTS = ROOT / "charts/weir/files/alerts.yaml"
TESTS = Path(__file__).resolve().parent / "alerts_test.yaml"
PAGE = ROOT / "docs/alerts.md"


def rules():
    return yaml.safe_load(ALERTS.read_text())["groups"][0]["rules"]


def promtool(*args):
    done = subprocess.run(["promtool", *args], capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr


class Alerts(unittest.TestCase):
    def test_prometheus_takes_them(self):
        code, output = promtool("check", "rules", str(ALERTS))
        self.assertEqual(code, 0, output)

    def test_they_fire_when_they_are_to(self):
        code, output = promtool("test", "rules", str(TESTS))
        self.assertEqual(code, 0, output)

    def test_each_is_tested_firing_and_silent(self):
        fires, silent = set(), set()
        for test in yaml.safe_load(TESTS.read_text())["tests"]:
            for one in test["alert_rule_test"]:
                (fires if one.get("exp_alerts") else silent).add(one["alertname"])
        names = {one["alert"] for one in rules()}
        self.assertEqual(fires, names)
        self.assertEqual(silent, names)

    def test_each_has_its_runbook(self):
        sections = re.findall(r"^## (\w+)$", PAGE.read_text(), re.M)
        self.assertEqual(sections, [one["alert"] for one in rules()])
        for one in rules():
            self.assertIn(one["labels"]["severity"], ("critical", "warning", "info"))
            self.assertTrue(one["annotations"]["runbook_url"].endswith(f"/docs/alerts.md#{one['alert'].lower()}"))


if __name__ == "__main__":
    unittest.main()
