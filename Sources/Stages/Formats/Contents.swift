import ArtifactStore
import StageKit

// What artifacts hold, as the inputs and outputs of stages name it. Networks stand in their own table.

/// Pictures, as ``Picture`` reads and writes them.
enum Pictures: ArtifactContent { static let types: [ArtifactType] = [.images] }

/// Latents with their pictures, or noise, as ``Latent`` and ``Noise`` read them.
enum Latents: ArtifactContent { static let types: [ArtifactType] = [.latents] }

/// What can be shown as pictures.
enum PicturesOrLatents: ArtifactContent { static let types: [ArtifactType] = [.images, .latents, .masks] }

/// Numbers by name for each item.
enum Measurements: ArtifactContent { static let types: [ArtifactType] = [.metrics] }

/// Tables as CSV.
enum Tables: ArtifactContent { static let types: [ArtifactType] = [.table] }

/// What can be drawn as curves.
enum MeasurementsOrTables: ArtifactContent { static let types: [ArtifactType] = [.metrics, .table] }

/// Figures, each as PNG and SVG.
enum Figures: ArtifactContent { static let types: [ArtifactType] = [.figure] }

/// Pages in HTML.
enum Pages: ArtifactContent { static let types: [ArtifactType] = [.page] }
