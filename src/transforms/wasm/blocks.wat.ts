/**
 * The block kernel in WebAssembly SIMD: 16 output channels at a time, 4 to a vector, from a tile [K in the block, 16]
 * of float32. Every operation is the float32 one that kernels/blocks.ts rounds to, so both give the same bits.
 */
/** Vectors of a row of the tile, lanes of a vector. */
const VECTORS = [0, 1, 2, 3];
const LANES = [0, 1, 2, 3];

export const BLOCKS_WAT = `${tiles()}${quantizeTile(2)}${quantizeTile(4)}${quantizeTile(8)}`;

function tiles(): string {
  const locals = VECTORS.map((i) => `(local $min${i} v128) (local $max${i} v128)`).join(' ');
  const begin = VECTORS.map(
    (i) => `
  (local.set $min${i} (v128.load ${16 * i} $from))
  (local.set $max${i} $min${i})`,
  );
  const step = VECTORS.map(
    (i) => `
    (v128.store ${16 * i} $tile (local.tee $v (v128.load ${16 * i} $from)))
    (local.set $min${i} (f32x4.pmin $min${i} $v))
    (local.set $max${i} (f32x4.pmax $max${i} $v))
    (local.set $bad (v128.or $bad (f32x4.ne $v $v)))`,
  );
  // an infinity is the smallest or the largest; times 0 it is NaN
  const end = VECTORS.map(
    (i) => `
  (v128.store ${16 * i} $ranges $min${i})
  (v128.store ${64 + 16 * i} $ranges $max${i})
  (local.set $v (f32x4.add (f32x4.mul $max${i} $none) (f32x4.mul $min${i} $none)))
  (local.set $bad (v128.or $bad (f32x4.ne $v $v)))`,
  );
  return `
;; Copies $rows rows of 16 columns, $stride bytes apart, to the tile (it may lie there already); the smallest and the
;; largest of each column go to $ranges. Gives 1 where a value is not finite.
(func $tileOfColumns (param $from i32) (param $stride i32) (param $rows i32) (param $tile i32) (param $ranges i32)
  (result i32)
  (local $end i32) (local $v v128) (local $bad v128) (local $none v128) ${locals}
  (local.set $end (i32.add $tile (i32.shl $rows 6)))
  ${begin.join('')}
  (loop $row ${step.join('')}
    (local.set $from (i32.add $from $stride))
    (br_if $row (i32.lt_u (local.tee $tile (i32.add $tile 64)) $end)))
  ${end.join('')}
  (v128.any_true $bad))

;; Copies 16 rows of $depth values, $stride bytes apart, to the columns of the tile.
(func $tileOfRows (param $from i32) (param $stride i32) (param $depth i32) (param $tile i32)
  (local $column i32) (local $in i32) (local $out i32) (local $end i32)
  (loop $next
    (local.set $in $from)
    (local.set $out (i32.add $tile (i32.shl $column 2)))
    (local.set $end (i32.add $in (i32.shl $depth 2)))
    (loop $value
      (f32.store 0 $out (f32.load 0 $in))
      (local.set $out (i32.add $out 64))
      (br_if $value (i32.lt_u (local.tee $in (i32.add $in 4)) $end)))
    (local.set $from (i32.add $from $stride))
    (br_if $next (i32.lt_u (local.tee $column (i32.add $column 1)) 16))))

`;
}

/** `quantizeTile2`, `quantizeTile4` or `quantizeTile8`. */
function quantizeTile(bits: 2 | 4 | 8): string {
  return `
;; Quantizes a tile of $rows rows with its $ranges. Each channel gets $rows * bits / 8 bytes at $out, $stride bytes
;; after those of the channel before; a float32 at $scales and a byte at $zeros, $step of them after.
(func $quantizeTile${bits} (param $tile i32) (param $rows i32) (param $symmetric i32) (param $ranges i32)
  (param $out i32) (param $scales i32) (param $zeros i32) (param $stride i32) (param $step i32)
  (local $group i32) (local $p i32) (local $end i32) (local $at i32)
  (local $min v128) (local $max v128) (local $word v128)
  (local $high v128) (local $scale v128) (local $factor v128) (local $zero v128) (local $half v128) (local $none v128)
  (local $whole v128) (local $low16 v128)
  (local.set $high (f32x4.splat (f32.const ${2 ** bits - 1})))
  ;; The float32 before 0.5: for x >= 0, x + half cut to an integer is x rounded, halves up. With 0.5 itself,
  ;; the number before 0.5 would become 1.
  (local.set $half (f32x4.splat (f32.const ${0.5 - 2 ** -25})))
  ;; integers below 2^23 are the last bits of the float32 that they give when it is added
  (local.set $whole (f32x4.splat (f32.const ${2 ** 23})))
  (local.set $low16 (i32x4.splat 65535))
  (loop $nextGroup
    (local.set $p (i32.add $tile (i32.shl $group 4)))
    (local.set $end (i32.add $p (i32.shl $rows 6)))
    (local.set $min (v128.load 0 (i32.add $ranges (i32.shl $group 4))))
    (local.set $max (v128.load 64 (i32.add $ranges (i32.shl $group 4))))

    ;; symmetric: the end that lies further from 0 becomes the lowest integer
    (local.set $scale (f32x4.div
      (v128.bitselect $max $min (f32x4.gt (f32x4.abs $max) (f32x4.abs $min)))
      (f32x4.splat (f32.const ${-(2 ** (bits - 1))}))))
    (local.set $zero (f32x4.splat (f32.const ${2 ** (bits - 1)})))
    (if (i32.eqz $symmetric)
      (local.set $min (f32x4.pmin $min $none))
      (local.set $scale (f32x4.div (f32x4.sub (f32x4.pmax $max $none) $min) $high))
      (local.set $zero (v128.bitselect $min
        (f32x4.sub $none (f32x4.div $min $scale))
        (f32x4.eq $scale $none)))
      (local.set $zero (f32x4.floor (f32x4.add $half (f32x4.pmin (f32x4.pmax $zero $none) $high)))))
    (local.set $word (i32x4.trunc_sat_f32x4_s $zero))
    ${LANES.map(
      (i) => `
    (v128.store32_lane 0 ${i} $scales $scale)
    (v128.store8_lane 0 ${4 * i} $zeros $word)
    (local.set $scales (i32.add $scales (i32.shl $step 2)))
    (local.set $zeros (i32.add $zeros $step))`,
    ).join('')}
    (local.set $factor (v128.andnot
      (f32x4.div (f32x4.splat (f32.const 1)) $scale)
      (f32x4.eq $scale $none)))

    ;; ${32 / bits} rows fill one word of each channel
    (local.set $p (i32.add $tile (i32.shl $group 4)))
    (local.set $at (i32.add $out (i32.mul $stride (i32.shl $group 2))))
    (loop $nextWord
      (local.set $word (v128.or
        (v128.and ${halfWord(bits, 0)} $low16)
        (i32x4.shl ${halfWord(bits, 16 / bits)} 16)))
      (v128.store32_lane 0 0 $at $word)
      (v128.store32_lane 0 1 (i32.add $at $stride) $word)
      (v128.store32_lane 0 2 (i32.add $at (i32.shl $stride 1)) $word)
      (v128.store32_lane 0 3 (i32.add $at (i32.mul $stride 3)) $word)
      (local.set $at (i32.add $at 4))
      (br_if $nextWord (i32.lt_u (local.tee $p (i32.add $p ${(32 / bits) * 64})) $end)))
    (br_if $nextGroup (i32.lt_u (local.tee $group (i32.add $group 1)) 4))))
`;
}

/** 16 bits of each channel, and others above them: the integers of the rows from `row` on as one number, exact in float32. */
function halfWord(bits: number, row: number): string {
  const rows = Array.from({ length: 16 / bits }, (_, i) => quantized(row + i));
  const number = rows.reduceRight(
    (sum, q) => `(f32x4.add (f32x4.mul ${sum} (f32x4.splat (f32.const ${2 ** bits}))) ${q})`,
  );
  return `(f32x4.add ${number} $whole)`;
}

/** The integers of one row, as float32. */
function quantized(row: number): string {
  const scaled = `(f32x4.add (f32x4.mul (v128.load ${64 * row} $p) $factor) $zero)`;
  return `(f32x4.floor (f32x4.add $half (f32x4.pmin $high (f32x4.pmax $none ${scaled}))))`;
}
