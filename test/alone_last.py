"""Distribution of the tests over worker processes: most in parallel, some alone at the end."""

import json
from functools import cached_property

from xdist.scheduler import LoadFileScheduling

ALONE = "tests that run alone"


def listing(basetemp):
    """Return the path of the list of tests that run alone, in the temporary folder of a run."""
    return basetemp / "alone.json"


class AloneLast(LoadFileScheduling):
    """Hands out file by file, and the tests that run alone when only one worker is left.

    A worker starts a test once it knows the next one, or that there is none. When nothing but the
    tests that run alone is left, each worker but one is therefore told that there is no more; the
    last one gets them after the others have ended. A test in which a worker dies is not repeated.
    """

    @cached_property
    def alone(self):
        """Node ids of the tests that run alone, as the workers have listed them."""
        return set(json.loads(listing(self.config._tmp_path_factory.getbasetemp()).read_text()))

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

    def _assign_work_unit(self, node):
        if ALONE in self.workqueue:
            self.workqueue.move_to_end(ALONE)
        others = [other for other in self.nodes if other is not node]
        if next(iter(self.workqueue)) != ALONE or not others:
            super()._assign_work_unit(node)
        elif not all(other.shutting_down for other in others):
            node.shutdown()

    def _split_scope(self, nodeid):
        return ALONE if nodeid in self.alone else super()._split_scope(nodeid)
