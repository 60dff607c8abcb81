"""Distribution of the tests over worker processes: most in parallel, some in turn, some alone."""

import json
from functools import cached_property

from xdist.scheduler import LoadFileScheduling

ALONE = "tests that run alone"
IN_TURN = "tests that run in turn"


def listing(basetemp):
    """Return the path of the list of tests that run alone or in turn, in a run's temporary
    folder."""
    return basetemp / "alone.json"


class AloneLast(LoadFileScheduling):
    """Hands out file by file; first those that run in turn, and last those that run alone.

    One worker gets all tests that run in turn, while the others run the rest. Tests that run alone
    are handed out when only one worker is left: a worker starts a test once it knows the next one,
    or that there is none, so each worker but one is told that there is no more. A test in which a
    worker dies is not repeated.
    """

    @cached_property
    def scopes(self):
        """``ALONE`` or ``IN_TURN`` by node id, as the workers have listed them."""
        return json.loads(listing(self.config._tmp_path_factory.getbasetemp()).read_text())

    def remove_node(self, node):
        """Remove a worker; return the test in which it died, or None."""
        units = self.assigned_work.pop(node)
        crashed = next((test for u in units.values() for test, done in u.items() if not done), None)
        if crashed:
            units[self._split_scope(crashed)][crashed] = True
        self.workqueue.update(
            {scope: unit for scope, unit in units.items() if not all(unit.values())}
        )
        self._wake()
        return crashed

    def mark_test_pending(self, item):
        """Repeat a test in which a worker died."""
        self.workqueue.setdefault(self._split_scope(item), {})[item] = False
        self._wake()

    def _wake(self):
        for node in self.nodes:
            if node in self.registered_collections and self.workqueue:
                self._reschedule(node)

    def _reschedule(self, node):
        """Give a worker tests until it knows its next one, or that there is none."""
        units = len(self.workqueue)
        super()._reschedule(node)
        if len(self.workqueue) < units and self._pending_of(self.assigned_work[node]) < 2:
            self._reschedule(node)

    def _assign_work_unit(self, node):
        for scope, last in ((IN_TURN, False), (ALONE, True)):
            if scope in self.workqueue:
                self.workqueue.move_to_end(scope, last)
        others = [other for other in self.nodes if other is not node]
        if next(iter(self.workqueue)) != ALONE or not others:
            super()._assign_work_unit(node)
        elif not all(other.shutting_down for other in others):
            node.shutdown()

    def _split_scope(self, nodeid):
        return self.scopes.get(nodeid) or super()._split_scope(nodeid)
