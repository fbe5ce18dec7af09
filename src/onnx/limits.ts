/**
 * Every size and count that a file dictates is checked against one of these before memory or time is spent on it.
 * Lengths are also checked against the enclosing message and the file, so most nonsense never gets this far.
 */

/** Largest protobuf message: lengths are signed 32-bit in every implementation, ONNX Runtime's too. */
export const MAX_MESSAGE_BYTES = 2 ** 31 - 1;

/**
 * Messages inside messages. Protobuf's own readers stop at 100; real models stay below 20 (an If four deep takes 13).
 */
export const MAX_MESSAGE_DEPTH = 100;

/** Longest varint: 64 bits in groups of 7. */
export const MAX_VARINT_BYTES = 10;

/** One name, doc string or string attribute, held in memory. Embedded vocabularies reach some MiB. */
export const MAX_STRING_BYTES = 64 * 1024 * 1024;

/**
 * Messages and strings of one model, held in memory at 50 to 300 bytes each. The largest unrolled graphs to hand have
 * 50,000 nodes, about 1,000,000 objects; a file of empty two-byte messages would otherwise grow a hundredfold.
 */
export const MAX_OBJECTS = 12_000_000;

/** Elements of all list attributes together, held as numbers or bigints: tree ensembles have millions. */
export const MAX_ATTRIBUTE_ELEMENTS = 24_000_000;

/** Rank of a tensor or a declared shape. ONNX sets none; ONNX Runtime's kernels end well below. */
export const MAX_RANK = 1024;

/** One declared type, read in one piece: a shape of MAX_RANK symbols of 1,000 characters each fits. */
export const MAX_TYPE_BYTES = 1024 * 1024;

/** Tensors up to this size are read when the model is opened: shapes, axes, scales, scalars. */
export const SMALL_TENSOR_BYTES = 4096;

/** Bytes that a small tensor may take in the file: up to ten times as many where stored as varints. */
export const SMALL_TENSOR_STORED_BYTES = SMALL_TENSOR_BYTES * MAX_VARINT_BYTES;

/** Small external tensors read on opening; each may be a disk access of its own, and none is needed to go on. */
export const MAX_SMALL_EXTERNAL_READS = 2048;

/** External files of one model that are looked at on opening, and their sizes checked. */
export const MAX_EXTERNAL_FILES_CHECKED = 4096;

/** External files kept open at once; the usual limit of a process is 1,024 descriptors. */
export const MAX_OPEN_EXTERNAL_FILES = 64;

/** `readTensor` and inline tensors: the whole tensor is one array, and ArrayBuffers beyond this fail on some systems. */
export const MAX_TENSOR_IN_MEMORY_BYTES = 4 * 1024 * 1024 * 1024;
