import ArtifactStore
import Foundation
import JSONSyntax
import Testing

/// What holds of results on this processor holds on lesser ones too.
struct ProcessorTests {
  /// With AVX2 alone, and with OpenBLAS alone, as on processors for which there are no kernels here.
  @Test(arguments: [("v3", "AVX2 and OpenBLAS"), ("any", "OpenBLAS")])
  func resultsDoNotDependOnThreadsOrBatches(_ kernels: String, _ name: String) throws {
    #if arch(arm64)
      // There is no v3.
      if kernels == "v3" { return }
    #endif
    #if arch(x86_64) || arch(arm64)
      func run(_ repository: Repository, threads: Int) throws {
        let outcome = try repository.run(
          ["run", "recipe.yaml", "--threads", "\(threads)"], with: ["DIFFUSIONCLIP_KERNELS": kernels])
        try #require(outcome.status == 0, "\(outcome.errors)")
      }
      let together = try Repository(WholeRecipe.text)
      try run(together, threads: 2)
      let found = try together.json("\(together.latest("whole"))/run.json")["provenance"]?["blas"]?.string
      #expect(found?.hasPrefix(name) == true, "\(found ?? "")")
      // The last picture comes by itself, with another number of threads.
      let apart = try Repository(WholeRecipe.text, faces: ["ada", "bob"])
      try run(apart, threads: 1)
      try apart.addFace("cyd")
      try run(apart, threads: 1)
      #expect(try apart.digests("whole") == together.digests("whole"))
    #endif
  }
}
