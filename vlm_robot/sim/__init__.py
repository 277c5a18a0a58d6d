"""The PyBullet table: one client, a Panda, blocks, bowls and two cameras."""
