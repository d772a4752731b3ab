/// Every published network that the program loads. Documentation/weights.md says where sizes and digests are from.
public enum PublishedNetworks {
  /// The entry of a name; nil where there is none.
  public static func entry(_ name: String) -> CatalogEntry? { entries.first { $0.name == name } }

  /// In the order of what they are for.
  public static let entries: [CatalogEntry] = diffusion + clip + faces + perceptual + scenes

  private static let huggingFace = "https://huggingface.co"
  private static let facexlib = "https://github.com/xinntao/facexlib/releases/download"
  private static let pytorch = "https://download.pytorch.org/models"
  private static let openAI = "https://openaipublic.azureedge.net/clip/models"

  private static let diffusion: [CatalogEntry] = [
    CatalogEntry(
      "celeba-hq", "diffusion", "DDPM of faces at 256², of SDEdit, as the paper uses it", license: "MIT (SDEdit)",
      hints: ["preset": .text("celeba-hq")],
      [
        .init(
          "celeba_hq.ckpt", bytes: 454_777_119,
          sha256: "6cbb630eb856ff3ebe4854fe87af3c21a052765678955999db97ea15b5eeb8a5", by: .few,
          ["\(huggingFace)/gwang-kim/DiffusionCLIP-CelebA_HQ/resolve/main/celeba_hq.ckpt"])
      ]),
    CatalogEntry(
      "ddpm-celebahq-256", "diffusion", "DDPM of faces at 256², of Google, in the same architecture",
      license: "Apache-2.0", hints: ["preset": .text("celeba-hq")],
      [
        .init(
          "diffusion_pytorch_model.bin", bytes: 454_853_117,
          sha256: "efff89712093ad060ce99d9b461bbe542b49d8dd4ce30f23fe5761dca292361d", by: .few,
          [
            "\(huggingFace)/google/ddpm-celebahq-256/resolve/cd5c944777ea2668051904ead6cc120739b86c4d/diffusion_pytorch_model.bin"
          ])
      ]),
    CatalogEntry(
      "lsun-church", "diffusion", "DDPM of churches at 256², which SDEdit's author calls the paper's", license: "MIT",
      hints: ["preset": .text("lsun-church")],
      note: "its publisher states the MD5 fdc68a23938c2397caba4a260bc2445f",
      [.init("church_outdoor.ckpt", ["https://heibox.uni-heidelberg.de/f/44ccb50ef3c6436db52e/?dl=1"])]),
    CatalogEntry(
      "lsun-bedroom", "diffusion", "DDPM of bedrooms at 256², which SDEdit's author calls the paper's", license: "MIT",
      hints: ["preset": .text("lsun-bedroom")],
      note: "its publisher states the MD5 1921fa46b66a3665e450e42f36c2720f",
      [.init("bedroom.ckpt", ["https://heibox.uni-heidelberg.de/f/b95206528f384185889b/?dl=1"])]),
    CatalogEntry(
      "afhq-dog", "diffusion", "guided-diffusion of dogs at 256², of ILVR, as the paper uses it", license: "not stated",
      hints: ["preset": .text("afhq-dog")],
      note:
        "it lies on Google Drive alone, behind a page: drive.google.com/file/d/14OG_o3aa8Hxmfu36IIRyOgRwEP6ngLdo, as ILVR's README says",
      [.init("afhq_dog_4m.pt", [])]),
    CatalogEntry(
      "ffhq", "diffusion", "guided-diffusion of faces at 256², of ILVR", license: "not stated",
      hints: ["preset": .text("ffhq")],
      note:
        "it lies on Google Drive alone, behind a page: drive.google.com/file/d/117Y6Z6-Hg6TMZVIXMmgYbpZy7QvTXign, as ILVR's README says",
      [
        .init(
          "ffhq_10m.pt", bytes: 374_417_833,
          sha256: "81d535743156ec6be34d8668e6920da94f0614074d7793a16c8fa9e306237faa", by: .several, [])
      ]),
    CatalogEntry(
      "imagenet-512-classes", "diffusion",
      "guided-diffusion of anything at 512², trained with classes, as the paper uses it",
      license: "MIT (guided-diffusion)", hints: ["preset": .text("imagenet-512")],
      [
        .init(
          "512x512_diffusion.pt",
          ["https://openaipublic.blob.core.windows.net/diffusion/jul-2021/512x512_diffusion.pt"])
      ]),
    CatalogEntry(
      "imagenet-512", "diffusion", "guided-diffusion of anything at 512², trained on without classes", license: "MIT",
      hints: ["preset": .text("imagenet-512")],
      [
        .init(
          "512x512_diffusion_uncond_finetune_008100.pt",
          sha256: "9c111ab89e214862b76e1fa6a1b3f1d329b1a88281885943d2cdbe357ad57648", by: .several,
          [
            "\(huggingFace)/lowlevelware/512x512_diffusion_unconditional_ImageNet/resolve/c48ad0f73a0742cacaec8a87ce4e900acfb3821f/512x512_diffusion_uncond_finetune_008100.pt",
            "https://the-eye.eu/public/AI/models/512x512_diffusion_unconditional_ImageNet/512x512_diffusion_uncond_finetune_008100.pt",
          ])
      ]),
    CatalogEntry(
      "imagenet-256", "diffusion", "guided-diffusion of anything at 256², without classes",
      license: "MIT (guided-diffusion)", hints: ["resolution": .number(256), "head_channels": .number(64)],
      [
        .init(
          "256x256_diffusion_uncond.pt", bytes: 2_211_383_297,
          sha256: "a37c32fffd316cd494cf3f35b339936debdc1576dad13fe57c42399a5dbc78b1", by: .several,
          ["https://openaipublic.blob.core.windows.net/diffusion/jul-2021/256x256_diffusion_uncond.pt"])
      ]),
  ]

  private static let vocabulary = CatalogEntry.File(
    "bpe_simple_vocab_16e6.txt.gz", bytes: 1_356_917,
    sha256: "924691ac288e54409236115652ad4aa250f48203de50a9e4722a6ecd48d6804a", by: .publisher,
    ["https://github.com/openai/CLIP/raw/main/clip/bpe_simple_vocab_16e6.txt.gz"])

  /// One of OpenAI's, whose address has its digest in it, with the vocabulary that all of them share.
  private static func clip(_ name: String, _ file: String, bytes: Int, _ sha256: String) -> CatalogEntry {
    CatalogEntry(
      name, "clip", "OpenAI's CLIP \(file.prefix { $0 != "." })", license: "MIT", folder: "clip",
      [
        .init(
          file, bytes: bytes, sha256: sha256, by: .publisher,
          [
            "\(openAI)/\(sha256)/\(file)", "\(huggingFace)/pxlpshr/pytti-models/resolve/main/clip/\(sha256)/\(file)",
          ]),
        vocabulary,
      ])
  }

  private static let clip: [CatalogEntry] = [
    clip(
      "clip-vit-b-16", "ViT-B-16.pt", bytes: 350_837_078,
      "5806e77cd80f8b59890b7e101eabd078d9fb84e6937f9e85e4ecb61988df416f"),
    clip(
      "clip-vit-b-32", "ViT-B-32.pt", bytes: 353_976_522,
      "40d365715913c9da98579312b702a82c18be219cc2a73407c4526f58eba950af"),
    clip(
      "clip-vit-l-14", "ViT-L-14.pt", bytes: 932_768_134,
      "b8cca3fd41ae0c99ba7e8951adf17d267cdb84cd88be6f7c2e0eca1737a03836"),
    clip(
      "clip-rn50", "RN50.pt", bytes: 255_827_503,
      "afeb0e10f9e5a86da6080e35cf09123aca3b358a0c3e3b6c78a7b63bc04b6762"),
  ]

  private static let faces: [CatalogEntry] = [
    CatalogEntry(
      "arcface", "identity", "ArcFace IR-SE50, whose identity loss the paper uses",
      license: "MIT (InsightFace_Pytorch)",
      [
        .init(
          "model_ir_se50.pth", bytes: 175_367_323,
          sha256: "a035c768259b98ab1ce0e646312f48b9e1e218197a0f80ac6765e88f8b6ddf28", by: .several,
          [
            "\(facexlib)/v0.1.0/recognition_arcface_ir_se50.pth",
            "\(huggingFace)/Fubei/splatviz_inversion_checkpoints/resolve/main/model_ir_se50.pth",
          ])
      ]),
    CatalogEntry(
      "bisenet", "segmenter", "BiSeNet for the parts of faces", license: "MIT (face-parsing.PyTorch)",
      [
        .init(
          "79999_iter.pth", bytes: 53_289_463,
          sha256: "468e13ca13a9b43cc0881a9f99083a430e9c0a38abd935431d1c28ee94b26567", by: .several,
          [
            "\(facexlib)/v0.2.0/parsing_bisenet.pth",
            "\(huggingFace)/vivym/face-parsing-bisenet/resolve/main/79999_iter.pth",
          ])
      ]),
    CatalogEntry(
      "mtcnn", "detector",
      "MTCNN of facenet-pytorch, which finds faces; Fixtures/models/face-detector.safetensors holds it",
      license: "MIT",
      [
        ("pnet.pt", 28_570, "a2a71925e0b9996a42f63e47efc1ca19043e69558b5c523b978d611dfae49c8f"),
        ("rnet.pt", 403_147, "bbb937de72efc9ef83b186c49f5f558467a1d7e3453a8ece0d71a886633f6a86"),
        ("onet.pt", 1_559_269, "165bfbe42940416ccfb977545cf0e976d5bf321f67083ae2aaaa5c764280118d"),
      ].map { name, bytes, sha256 in
        .init(
          name, bytes: bytes, sha256: sha256, by: .publisher,
          ["https://github.com/timesler/facenet-pytorch/raw/master/data/\(name)"])
      }),
  ]

  /// LPIPS's heads with torchvision's network, whose name begins with its digest.
  private static func lpips(_ name: String, _ heads: CatalogEntry.File, _ trunk: CatalogEntry.File) -> CatalogEntry {
    CatalogEntry(
      "lpips-\(name)", "perceptual", "LPIPS on \(name)", license: "BSD-2-Clause; the network BSD-3-Clause",
      folder: "lpips",
      [heads, trunk])
  }

  private static func heads(_ file: String, bytes: Int, _ sha256: String) -> CatalogEntry.File {
    let commit = "082bb24f84c091ea94de2867d34c4544f68e0963"
    return .init(
      file, bytes: bytes, sha256: sha256, by: .publisher,
      ["https://raw.githubusercontent.com/richzhang/PerceptualSimilarity/\(commit)/lpips/weights/v0.1/\(file)"])
  }

  private static func trunk(_ file: String, bytes: Int, _ sha256: String) -> CatalogEntry.File {
    .init(file, bytes: bytes, sha256: sha256, by: .several, ["\(pytorch)/\(file)"])
  }

  private static let perceptual: [CatalogEntry] = [
    lpips(
      "alex", heads("alex.pth", bytes: 6009, "df73285e35b22355a2df87cdb6b70b343713b667eddbda73e1977e0c860835c0"),
      trunk(
        "alexnet-owt-7be5be79.pth", bytes: 244_408_911,
        "7be5be791159472b1fbf3c69796f7cb30dca7ad8466c2df70058c37116cdee02")),
    lpips(
      "vgg", heads("vgg.pth", bytes: 7289, "a78928a0af1e5f0fcb1f3b9e8f8c3a2a5a3de244d830ad5c1feddc79b8432868"),
      trunk(
        "vgg16-397923af.pth", bytes: 553_433_881, "397923af8e79cdbb6a7127f12361acd7a2f83e06b05044ddf496e83de57a5bf0")),
    lpips(
      "squeeze", heads("squeeze.pth", bytes: 10811, "4a5350f23600cb79923ce65bb07cbf57dca461329894153e05a1346bd531cf76"),
      trunk(
        "squeezenet1_1-b8a52dc0.pth", bytes: 4_958_839,
        "b8a52dc049b60e4b6ab68ad0df457362afab8b6304b2febdc1650a5dab4d7e7b")),
  ]

  private static let scenes: [CatalogEntry] = {
    let place =
      "\(huggingFace)/nvidia/segformer-b0-finetuned-ade-512-512/resolve/489d5cd81a0b59fab9b7ea758d3548ebe99677da"
    return [
      CatalogEntry(
        "segformer-b0-ade", "segmenter", "SegFormer-B0 for 150 classes of scenes",
        license: "NVIDIA Source Code License for SegFormer: not for commercial use",
        [
          .init(
            "model.safetensors", bytes: 15_036_944,
            sha256: "6ae39addd01de6b1b8bde2cf677d43a5cd733424b8d186de3f95d1c51fee23f9", by: .several,
            ["\(place)/model.safetensors"]),
          .init(
            "config.json", bytes: 6884, sha256: "209caa9091e4632f7c8883c11170cd08ad29af68b23c09590aa4a5befb1a2a7f",
            by: .few, ["\(place)/config.json"]),
        ])
    ]
  }()
}
