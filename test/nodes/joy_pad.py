"""An input device on the topic ``joy``."""

from sensor_msgs.msg import Joy


class JoyPad:
    """Publishes a device of six axes at rest and some buttons at 50 Hz while it is on."""

    def __init__(self, node, buttons=7):
        self.on, self.axes, self.down, self._buttons = True, (0.0,) * 6, (), buttons
        self._publisher = node.create_publisher(Joy, "joy", 10)
        node.create_timer(0.02, self._publish)

    def _publish(self):
        if self.on:
            buttons = [int(k in self.down) for k in range(self._buttons)]
            self._publisher.publish(Joy(axes=list(self.axes), buttons=buttons))
