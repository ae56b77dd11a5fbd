// The executor against the model, at random: all messages, through a bridge that drops, duplicates, delays and reorders, with power cuts.

import Foundation
import LightNode
import SimulatedNOR
import Testing

@Suite("Random walks") struct RandomWalkTests {
    @Test("In 100,000 random steps, with power cuts and a treacherous bridge, the executor does what the model says") func walk()
        throws
    {
        let environment = ProcessInfo.processInfo.environment
        let seed = environment["LIGHTNODE_MODEL_SEED"].flatMap { UInt64($0) } ?? UInt64.random(in: 0...999_999)
        let steps = environment["LIGHTNODE_MODEL_STEPS"].flatMap { Int($0) } ?? 100_000
        print("random walk: LIGHTNODE_MODEL_SEED=\(seed) LIGHTNODE_MODEL_STEPS=\(steps)")
        let walk = try Walk(seed: seed)
        while walk.steps < steps, walk.divergence == nil { try walk.step() }
        print("random walk: \(walk.steps) steps, epoch \(walk.model.epoch), \(walk.tally)")
        #expect(walk.divergence == nil, "step \(walk.steps) with LIGHTNODE_MODEL_SEED=\(seed): \(walk.divergence ?? "")")
        #expect(walk.stage.flash.violations.isEmpty)
        guard steps >= 100_000, walk.divergence == nil else { return }
        // A walk that never gets somewhere shows nothing about it.
        let missing = Walk.Event.allCases.filter { walk.tally[$0] == 0 }
        #expect(missing.isEmpty, "never in \(steps) steps with LIGHTNODE_MODEL_SEED=\(seed): \(missing)")
    }
}
