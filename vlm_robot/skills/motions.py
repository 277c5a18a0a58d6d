"""
The few movements that every skill is made of, and the numbers that shape them.

Everything happens above a flat table (z = 0) with a hand that points straight down; the arm's own sensing (tool
pose, gripper width) is all that is known here: no camera, no simulator, no ROS.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from vlm_robot.errors import ConfigError
from vlm_robot.robot.safety import SafetyConfig


@dataclass(frozen=True)
class SkillConfig:
    """Numbers of all skills; metres, metres per second, newtons."""

    travel_z: float = 0.24  # m, tool height in transit: a stack of 3 (0.12), a held block below the tool, 8 cm to spare
    travel_speed: float = 0.55  # m/s in free air
    approach_speed: float = 0.22  # m/s within reach of objects
    release_speed: float = 0.08  # m/s, the last centimetres before letting go
    grip_force: float = 20.0  # N per finger
    open_width: float = 0.08  # m, widest opening
    release_clearance: float = 0.002  # m, a block is let go this far above its support
    missed_width: float = 0.010  # m, fingers that close further than this hold no block
    free_spot_radius: float = 0.05  # m, how far from a named location a block may be set down when it is taken
    safety: SafetyConfig = field(default_factory=SafetyConfig)

    def __post_init__(self):
        """Refuse numbers that cannot work together."""
        for name in ('travel_speed', 'approach_speed', 'release_speed'):
            if not 0 < getattr(self, name) <= self.safety.max_speed:
                raise ConfigError(
                    f'skills.{name} is {getattr(self, name)} m/s; allowed: above 0, at most {self.safety.max_speed}'
                )
        if not self.travel_z < self.safety.z_max:
            raise ConfigError(f'skills.travel_z is {self.travel_z} m; allowed: below {self.safety.z_max} m')
