"""The real supervisor over three small processes, one of which has a child of its own."""

import sys
from typing import NoReturn

from config.embedded import ensure
from config.supervisor import Supervisor, main, say

SLEEP = "import time; time.sleep(600)"
STUBBORN = "import signal; [signal.signal(n, signal.SIG_IGN) for n in (2, 3, 15)]; " + SLEEP
PARENT = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {STUBBORN!r}])"
SHORT = "import time; time.sleep(0.5); print('the very last words'); raise SystemExit(3)"


class SmallSupervisor(Supervisor):
    def run(self) -> NoReturn:
        self.start("sleeper", [sys.executable, "-c", SLEEP])
        self.start("parent", [sys.executable, "-c", PARENT])
        if "dies" in sys.argv:
            self.start("short", [sys.executable, "-c", SHORT])
        if "embedded" in sys.argv:
            ensure()
            self.uses_embedded = True
        say("running")
        self.watch()


if __name__ == "__main__":
    sys.exit(main(SmallSupervisor))
