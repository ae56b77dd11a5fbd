// What somebody may have meant who typed a name that there is not.

/// Names that are near to one another.
public enum Spelling {
    /// The name among `names` that differs least from `word`, if it differs little: in one character in three, and in one at least.
    public static func nearest(to word: String, among names: [String]) -> String? {
        let wanted = Array(word.lowercased().prefix(64))
        let distances = names.map { (name: $0, distance: distance(wanted, Array($0.lowercased().prefix(64)))) }
        guard let best = distances.min(by: { $0.distance < $1.distance }), best.distance <= max(1, wanted.count / 3) else {
            return nil
        }
        return best.name
    }

    /// Characters to insert, remove, replace, or exchange with their neighbour (optimal string alignment).
    static func distance(_ from: [Character], _ to: [Character]) -> Int {
        var before: [Int] = []
        var last = Array(0...to.count)
        for (row, character) in from.enumerated() {
            var next = [row + 1]
            for (column, other) in to.enumerated() {
                var cost = min(last[column + 1] + 1, next[column] + 1, last[column] + (character == other ? 0 : 1))
                if row > 0, column > 0, character == to[column - 1], from[row - 1] == other {
                    cost = min(cost, before[column - 1] + 1)
                }
                next.append(cost)
            }
            (before, last) = (last, next)
        }
        return last[to.count]
    }
}
