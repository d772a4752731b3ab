import Checkpoints
import Foundation
import Imaging
import JSONSyntax
import Tensors
import TestSupport
import Testing

@testable import Networks

/// The face detector that ships, against facenet-pytorch on photographs (see Fixtures/detection/PROVENANCE.md).
@Suite struct DetectionTests {
  private static let repository = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent()

  private static func detector() throws -> MTCNN {
    let path = repository.appending(path: "Fixtures/models/face-detector.safetensors").path
    return try NetworkFamily.detector.network(TensorFile(contentsOf: path).stateDictionary())
  }

  /// A face as facenet-pytorch has it, where pixel i has its center at i.
  private struct Expected {
    let box: [Double]
    let confidence: Double
    let landmarks: [Placement.Point]
    /// Top left, bottom left, bottom right, top right.
    let frame: [Placement.Point]
  }

  private static func expected() throws -> [(picture: String, faces: [Expected])] {
    let json = try JSON(parsing: Data(contentsOf: URL(filePath: fixture("detection/faces.json"))))
    func points(_ json: JSON?) -> [Placement.Point] {
      (json?.array ?? []).compactMap { pair in
        guard let numbers = pair.array?.compactMap(\.double), numbers.count == 2 else { return nil }
        return Placement.Point(x: numbers[0], y: numbers[1])
      }
    }
    return (json.members ?? []).map { member in
      let faces = (member.value.array ?? []).map { face in
        Expected(
          box: face["box"]?.array?.compactMap(\.double) ?? [], confidence: face["confidence"]?.double ?? .nan,
          landmarks: points(face["landmarks"]), frame: points(face["frame"]))
      }
      return (member.name, faces)
    }
  }

  private static func picture(_ name: String) throws -> Image {
    func read(_ path: String) throws -> Image {
      try Image(decoding: Data(contentsOf: URL(filePath: path)), name: path)
    }
    switch name {
    case "astronaut", "photographer": return try read(repository.appending(path: "Fixtures/photos/\(name).png").path)
    case "wide":
      let astronaut = try picture("astronaut")
      var wide = Image(width: 1100, height: 240, color: Color(red: 90, green: 110, blue: 130))
      for y in 0..<astronaut.height {
        for x in 0..<astronaut.width { wide[743 + x, 8 + y] = astronaut[x, y] }
      }
      return wide
    default: return try read(fixture("detection/\(name).png"))
    }
  }

  private static func distance(_ a: Placement.Point, _ b: Placement.Point) -> Double { hypot(a.x - b.x, a.y - b.y) }

  /// Half a pixel in boxes and landmarks; the centers of pixels lie at other places there.
  @Test func facesAreWhereFacenetPyTorchFindsThem() throws {
    let detector = try Self.detector()
    let pictures = try Self.expected()
    #expect(pictures.count == 8 && pictures.allSatisfy { !$0.faces.isEmpty })
    for (name, expected) in pictures {
      let picture = try Self.picture(name)
      let found = try detector.faces(in: picture, minimumSize: 20)
      #expect(found.count == expected.count, "\(name)")
      let sorted = expected.sorted { Self.area($0) > Self.area($1) }
      for (face, expected) in zip(found, sorted) {
        let edges = zip([face.left, face.top, face.right, face.bottom], expected.box).map { abs($0 - 0.5 - $1) }
        #expect(edges.allSatisfy { $0 < 0.5 }, "\(name): \(edges)")
        let points = [face.leftEye, face.rightEye, face.nose, face.leftMouthCorner, face.rightMouthCorner]
        let apart = zip(points, expected.landmarks).map {
          Self.distance(.init(x: $0.x - 0.5, y: $0.y - 0.5), $1)
        }
        #expect(apart.count == 5 && apart.allSatisfy { $0 < 0.5 }, "\(name): \(apart)")
        #expect(abs(face.confidence - expected.confidence) < 0.005, "\(name)")
        let frame = try #require(face.frame())
        for (corner, expected) in zip([frame.topLeft, frame.bottomLeft], expected.frame) {
          #expect(Self.distance(corner, .init(x: expected.x + 0.5, y: expected.y + 0.5)) < 1, "\(name)")
        }
      }
    }
  }

  private static func area(_ face: Expected) -> Double {
    (face.box[2] - face.box[0]) * (face.box[3] - face.box[1])
  }

  /// Of the same landmarks, to rounding.
  @Test func theFrameIsThatOfFFHQ() throws {
    for (name, faces) in try Self.expected() {
      for expected in faces {
        let face = Self.face(expected.landmarks)
        let frame = try #require(face.frame())
        for (corner, index) in [(frame.topLeft, 0), (frame.bottomLeft, 1), (frame.topRight, 3)] {
          #expect(Self.distance(corner, expected.frame[index]) < 1e-6, "\(name)")
        }
        let wider = try #require(face.frame(margin: 0.25))
        let ratio = Self.distance(wider.topLeft, wider.topRight) / Self.distance(frame.topLeft, frame.topRight)
        #expect(abs(ratio - 1.5) < 1e-9)
      }
    }
    let point = Placement.Point(x: 3, y: 4)
    #expect(Self.face([point, point, point, point, point]).frame() == nil)
  }

  private static func face(_ landmarks: [Placement.Point]) -> DetectedFace {
    DetectedFace(
      left: 0, top: 0, right: 1, bottom: 1, confidence: 1, leftEye: landmarks[0], rightEye: landmarks[1],
      nose: landmarks[2], leftMouthCorner: landmarks[3], rightMouthCorner: landmarks[4])
  }

  /// FFHQ's own way, with Pillow's bilinear warp at four times the size and reduced, is another filter; where the frame
  /// leaves the picture (`cropped`) it also pads before it warps.
  @Test(arguments: [("rotated", 64, 3.0), ("cropped", 96, 4.0)])
  func theFaceIsCutOutAsByFFHQ(name: String, size: Int, tolerance: Double) throws {
    let picture = try Self.picture(name)
    let corners = try #require(try Self.expected().first { $0.picture == name }?.faces.first?.frame)
    func corner(_ index: Int) -> Placement.Point { .init(x: corners[index].x + 0.5, y: corners[index].y + 0.5) }
    let placement = try #require(
      Placement(
        source: name, sourceWidth: picture.width, sourceHeight: picture.height, width: size, height: size,
        topLeft: corner(0), topRight: corner(3), bottomLeft: corner(1)))
    let expected = try Image(
      decoding: Data(contentsOf: URL(filePath: fixture("detection/\(name)-aligned.png"))), name: name)
    let found = picture.cutOut(placement)
    #expect(found.width == expected.width && found.height == expected.height)
    let differences = zip(found.pixels, expected.pixels).map { abs(Double($0) - Double($1)) }
    let mean = differences.reduce(0, +) / Double(differences.count)
    #expect(mean < tolerance, "\(mean)")
  }

  @Test func picturesWithoutFacesHaveNone() throws {
    let detector = try Self.detector()
    for (width, height) in [(1, 1), (40, 40), (19, 500), (300, 90)] {
      let found = try detector.faces(in: Image(width: width, height: height, color: .white), minimumSize: 20)
      #expect(found.isEmpty)
    }
    var random = RandomSource(seed: 3)
    let noise = Image(width: 96, height: 96, floats: random.uniform([96 * 96 * 3], in: 0...1).values, in: 0...1)
    let found = try detector.faces(in: noise, minimumSize: 20)
    #expect(found.isEmpty)
  }

  @Test func aSearchCanBeStopped() throws {
    struct Stopped: Error {}
    let detector = try Self.detector()
    let picture = try Self.picture("astronaut")
    #expect(throws: Stopped.self) { try detector.faces(in: picture, minimumSize: 20) { throw Stopped() } }
  }

  /// Weights of no use send boxes anywhere, and nothing traps.
  @Test func hostileWeightsFindNothing() throws {
    let picture = try Self.picture("astronaut")
    for scale in [1e4, 1e30, -1e30] {
      let detector = try Self.detector().copy()
      for (name, parameter) in detector.parameters.parameters where name.hasSuffix(".bias") {
        parameter.tensor.setRequiresGradient(false)
        parameter.tensor.assign(Tensor(repeating: scale, shape: parameter.tensor.shape))
      }
      let found = try detector.faces(in: picture, minimumSize: 60)
      #expect(found.allSatisfy { $0.left.isFinite && $0.nose.x.isFinite })
    }
  }

  // MARK: Suppression

  @Test(arguments: [BoxCandidate.Overlap.ofUnion, .ofSmaller])
  func suppressionIsThatOfAllPairs(overlap: BoxCandidate.Overlap) {
    var random = RandomSource(seed: 8)
    let numbers = random.uniform([400, 4], in: 0...1).values
    let boxes = (0..<400).map { index -> BoxCandidate in
      let (x, y, side) = (numbers[4 * index] * 300 - 40, numbers[4 * index + 1] * 300 - 40, numbers[4 * index + 2])
      return BoxCandidate(
        left: x, top: y, right: x + 10 + 60 * side, bottom: y + 14 + 50 * side, score: numbers[4 * index + 3],
        regression: [])
    }
    func share(_ a: BoxCandidate, _ b: BoxCandidate) -> Float {
      let extra: Float = overlap == .ofSmaller ? 1 : 0
      func area(_ box: BoxCandidate) -> Float { (box.right - box.left + extra) * (box.bottom - box.top + extra) }
      let w = max(0, min(a.right, b.right) - max(a.left, b.left) + extra)
      let h = max(0, min(a.bottom, b.bottom) - max(a.top, b.top) + extra)
      return w * h / (overlap == .ofUnion ? area(a) + area(b) - w * h : min(area(a), area(b)))
    }
    var kept: [BoxCandidate] = []
    for box in boxes.sorted(by: { $0.score > $1.score }) where kept.allSatisfy({ share($0, box) <= 0.3 }) {
      kept.append(box)
    }
    #expect(BoxCandidate.best(of: boxes, overlapping: 0.3, overlap).map(\.score) == kept.map(\.score))
    #expect(kept.count > 20 && kept.count < 300)
    #expect(BoxCandidate.best(of: [], overlapping: 0.3, overlap).isEmpty)
  }

  // MARK: Files

  /// The three files of facenet-pytorch have names that need the files' names before them; its whole state has them.
  @Test func theWholeStateIsRecognized() throws {
    let state = try Self.detector().parameters.state()
    let data = try PyTorchFile.data(ofStateDictionary: state, source: "mtcnn.pt")
    let model = try TensorFile(data, from: "mtcnn.pt").stateDictionary().publishedModel()
    #expect(model.format == "MTCNN of facenet-pytorch" && model.purpose == .detector && model.differences.isEmpty)
    #expect(model.network.parameters.count == 495_850)
    var damaged = state
    damaged["rnet.prelu4.weight"] = nil
    damaged["onet.dense5.bias"] = .zeros([3])
    damaged["onet.more"] = .zeros([2])
    let other = try TensorFile(
      PyTorchFile.data(ofStateDictionary: damaged, source: "mtcnn.pt"), from: "mtcnn.pt"
    ).stateDictionary().publishedModel()
    #expect(
      other.differences.map(\.description) == [
        "missing rnet.prelu4.weight: expected [128]", "misshaped onet.dense5.bias: expected [256], found [3]",
        "extra onet.more: found [2]",
      ])
  }
}
