// The light node as it leaves the factory: every device of the board, commanded by the owner, and nothing else.

import NodeRuntime

struct LightNode: Application {}

runNode(LightNode())
