"""Fail for known vulnerabilities in the pinned packages, but not for an unreachable service."""

import json
import subprocess
import sys

FILES = ["requirements-dev.txt"]  # it holds the others
BANNER = "!" * 88


def main() -> int:
    vulnerable, unaudited = [], []
    for name in FILES:
        command = [sys.executable, "-m", "pip_audit", "--no-deps", "--disable-pip", "--progress-spinner=off"]
        done = subprocess.run(
            [*command, "--format=json", "--desc=off", "-r", name], capture_output=True, text=True, check=False
        )
        try:
            report = json.loads(done.stdout)
        except ValueError:
            return warn(f"pip-audit could not reach its service:\n{done.stderr.strip()[-400:]}")
        for package in report["dependencies"]:
            if "skip_reason" in package:
                unaudited.append(package["name"])
            for found in package.get("vulns", []):
                fixed = ", ".join(found["fix_versions"]) or "no release yet"
                vulnerable.append(f"{package['name']} {package['version']}: {found['id']}, fixed in {fixed}")
    if vulnerable:
        print("Known vulnerabilities:", *sorted(set(vulnerable)), sep="\n  ")
        return 1
    if unaudited:
        return warn(f"pip-audit's service does not know {len(set(unaudited))} of the pinned packages.")
    print("pip-audit: no known vulnerabilities")
    return 0


def warn(message: str) -> int:
    print(f"{BANNER}\nNOT AUDITED: {message}\n{BANNER}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
