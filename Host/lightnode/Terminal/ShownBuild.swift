// Builds that a person waits for.
import BoardFacts
import FirmwareBuild

extension FirmwareBuilder {
    /// A builder that shows what it is at.
    static func shown(_ catalogue: BoardCatalogue) -> FirmwareBuilder {
        var builder = FirmwareBuilder(catalogue: catalogue)
        builder.report = Steps.report
        return builder
    }
}
