/**
 * The block kernel in WebAssembly SIMD: 16 output channels at a time, 4 to a vector, from a tile [K in the block, 16]
 * of float32. Every operation is the float32 one that kernels/blocks.ts rounds to, so both give the same bits.
 */
/** Vectors of a row of the tile. */
const VECTORS = [0, 1, 2, 3];

/** Most rows of a tile: the largest block. */
export const MOST_ROWS = 256;
/** Where the ranges of the tile's columns lie behind it, and what both take. */
const RANGES_AT = 64 * MOST_ROWS;
export const TILE_BYTES = RANGES_AT + 128;

/** `quantizeColumns` and `quantizeRows`. */
export function blocksWat(bits: 2 | 4 | 8): string {
  return [
    tileOfColumns(),
    tileOfRows(),
    quantizeTile(bits),
    quantizeTiles('Columns'),
    quantizeTiles('Rows'),
  ].join('\n');
}

/** The blocks of a tile's channels follow each other in what is packed, so they are made one after the other. */
function quantizeTiles(lie: 'Columns' | 'Rows'): string {
  return `
;; Quantizes $tiles times 16 channels, $blocks blocks of $rows weights of each; see tileOf${lie} for $from and $pitch, by
;; which values of other tiles and blocks lie $tileStep and $blockStep bytes further. Of each channel, the blocks' $blob
;; bytes follow each other at $out, $stride bytes after the channel before; so do its scales and zero points, one of
;; $perChannel each. Gives 0 only where all values are finite.
(func $quantize${lie} (param $from i32) (param $pitch i32) (param $tileStep i32) (param $blockStep i32)
  (param $tiles i32) (param $blocks i32) (param $rows i32) (param $symmetric i32) (param $tile i32)
  (param $out i32) (param $stride i32) (param $blob i32) (param $scales i32) (param $zeros i32) (param $perChannel i32)
  (result i32) (local $bad i32)
  (local $block i32) (local $in i32) (local $to i32) (local $scale i32) (local $zero i32)
  (loop $nextTile
    (local.set $in $from)
    (local.set $to $out)
    (local.set $scale $scales)
    (local.set $zero $zeros)
    (local.set $block $blocks)
    (loop $nextBlock
      (call $tileOf${lie} $in $pitch $rows $tile)
      (local.set $bad (i32.or $bad
        (call $quantizeTile $tile $rows $symmetric $to $stride $scale $zero $perChannel)))
      (local.set $in (i32.add $in $blockStep))
      (local.set $to (i32.add $to $blob))
      (local.set $scale (i32.add $scale 4))
      (local.set $zero (i32.add $zero 1))
      (br_if $nextBlock (local.tee $block (i32.sub $block 1))))
    (local.set $from (i32.add $from $tileStep))
    (local.set $out (i32.add $out (i32.shl $stride 4)))
    (local.set $scales (i32.add $scales (i32.shl $perChannel 6)))
    (local.set $zeros (i32.add $zeros (i32.shl $perChannel 4)))
    (br_if $nextTile (local.tee $tiles (i32.sub $tiles 1))))
  $bad)`;
}

function tileOfColumns(): string {
  const locals = VECTORS.map((i) => `(local $min${i} v128) (local $max${i} v128)`).join(' ');
  const begin = VECTORS.map(
    (i) => `
  (local.set $min${i} (v128.load ${16 * i} $from))
  (local.set $max${i} $min${i})`,
  );
  const step = (row: number, address: string) =>
    VECTORS.map(
      (i) => `
    (v128.store ${64 * row + 16 * i} $tile (local.tee $v (v128.load ${16 * i} ${address})))
    (local.set $min${i} (f32x4.pmin $min${i} $v))
    (local.set $max${i} (f32x4.pmax $max${i} $v))`,
    ).join('');
  const end = VECTORS.map(
    (i) => `
  (v128.store ${16 * i} $ranges $min${i})
  (v128.store ${64 + 16 * i} $ranges $max${i})`,
  );
  return `
;; Copies $rows rows, an even number, of 16 columns, $pitch bytes apart, to the tile; the smallest and the largest of each
;; column go behind it.
(func $tileOfColumns (param $from i32) (param $pitch i32) (param $rows i32) (param $tile i32)
  (local $ranges i32) (local $end i32) (local $v v128) ${locals}
  (local.set $ranges (i32.add $tile ${RANGES_AT}))
  (local.set $end (i32.add $tile (i32.shl $rows 6)))
  ${begin.join('')}
  (loop $twoRows ${step(0, '$from')}
    (local.set $from (i32.add $from $pitch)) ${step(1, '$from')}
    (local.set $from (i32.add $from $pitch))
    (br_if $twoRows (i32.lt_u (local.tee $tile (i32.add $tile 128)) $end)))
  ${end.join('')})`;
}

function tileOfRows(): string {
  const turned = [
    ['$a', '$b', '$c', '$d'],
    ['$p', '$q', '$r', '$s'],
  ] as const;
  const [[a, b, c, d], [p, q, r, s]] = turned;
  const store = (row: number, value: string) => `
      (v128.store ${64 * row} $out (local.tee $v ${value}))
      (local.set $min (f32x4.pmin $min $v))
      (local.set $max (f32x4.pmax $max $v))`;
  return `
;; Copies 16 rows of $depth values, a multiple of 4, $pitch bytes apart, to the columns of the tile; the smallest and the
;; largest of each go behind it.
(func $tileOfRows (param $from i32) (param $pitch i32) (param $depth i32) (param $tile i32)
  (local $group i32) (local $in i32) (local $third i32) (local $out i32) (local $end i32)
  (local $v v128) (local $min v128) (local $max v128)
  ${[...turned[0], ...turned[1]].map((v) => `(local ${v} v128)`).join(' ')}
  (loop $next
    (local.set $in $from)
    (local.set $out (i32.add $tile (i32.shl $group 4)))
    (local.set $end (i32.add $in (i32.shl $depth 2)))
    (local.set $min (f32x4.splat (f32.const Infinity)))
    (local.set $max (f32x4.splat (f32.const -Infinity)))
    (loop $four
      (local.set $third (i32.add $in (i32.shl $pitch 1)))
      (local.set ${a} (v128.load 0 $in))
      (local.set ${b} (v128.load 0 (i32.add $in $pitch)))
      (local.set ${c} (v128.load 0 $third))
      (local.set ${d} (v128.load 0 (i32.add $third $pitch)))
      (local.set ${p} ${shuffled([0, 4, 1, 5], a, b)})
      (local.set ${q} ${shuffled([2, 6, 3, 7], a, b)})
      (local.set ${r} ${shuffled([0, 4, 1, 5], c, d)})
      (local.set ${s} ${shuffled([2, 6, 3, 7], c, d)})
      ${store(0, shuffled([0, 1, 4, 5], p, r))}
      ${store(1, shuffled([2, 3, 6, 7], p, r))}
      ${store(2, shuffled([0, 1, 4, 5], q, s))}
      ${store(3, shuffled([2, 3, 6, 7], q, s))}
      (local.set $out (i32.add $out 256))
      (br_if $four (i32.lt_u (local.tee $in (i32.add $in 16)) $end)))
    (v128.store ${RANGES_AT} (i32.add $tile (i32.shl $group 4)) $min)
    (v128.store ${RANGES_AT + 64} (i32.add $tile (i32.shl $group 4)) $max)
    (local.set $from (i32.add $from (i32.shl $pitch 2)))
    (br_if $next (i32.lt_u (local.tee $group (i32.add $group 1)) 4))))`;
}

/** Of two vectors' eight lanes, the four numbered. */
function shuffled(lanes: readonly number[], a: string, b: string): string {
  const bytes = lanes.flatMap((lane) => [0, 1, 2, 3].map((byte) => 4 * lane + byte));
  return `(i8x16.shuffle ${bytes.join(' ')} ${a} ${b})`;
}

function quantizeTile(bits: 2 | 4 | 8): string {
  return `
;; Quantizes a tile of $rows rows, its ranges behind it. Each channel gets $rows * bits / 8 bytes at $out, $stride
;; bytes after those of the channel before; a float32 at $scales and a byte at $zeros, the next channel's $perChannel of
;; them further. Gives 0 only where all values are finite.
(func $quantizeTile (param $tile i32) (param $rows i32) (param $symmetric i32)
  (param $out i32) (param $stride i32) (param $scales i32) (param $zeros i32) (param $perChannel i32) (result i32)
  (local $ranges i32) (local $group i32) (local $p i32) (local $end i32) (local $at i32) (local $beyond i32)
  (local $min v128) (local $max v128) (local $word v128) (local $lower v128) (local $upper v128) (local $sum v128)
  (local $high v128) (local $scale v128) (local $factor v128) (local $zero v128) (local $half v128) (local $none v128)
  (local $whole v128) (local $low16 v128)
  (local.set $ranges (i32.add $tile ${RANGES_AT}))
  (local.set $high (f32x4.splat (f32.const ${2 ** bits - 1})))
  ;; The float32 before 0.5: for x >= 0, x + half cut to an integer is x rounded, halves up. With 0.5 itself,
  ;; the number before 0.5 would become 1.
  (local.set $half (f32x4.splat (f32.const ${0.5 - 2 ** -25})))
  ;; integers below 2^23 are the last bits of the float32 that they give when it is added
  (local.set $whole (f32x4.splat (f32.const ${2 ** 23})))
  (local.set $low16 (i32x4.splat 65535))
  (loop $nextGroup
    (local.set $min (v128.load 0 (i32.add $ranges (i32.shl $group 4))))
    (local.set $max (v128.load 64 (i32.add $ranges (i32.shl $group 4))))

    ;; symmetric: the end that lies further from 0 becomes the lowest integer
    (local.set $scale (f32x4.div
      (v128.bitselect $max $min (f32x4.gt (f32x4.abs $max) (f32x4.abs $min)))
      (f32x4.splat (f32.const ${-(2 ** (bits - 1))}))))
    (local.set $zero (f32x4.splat (f32.const ${2 ** (bits - 1)})))
    (if (i32.eqz $symmetric)
      (local.set $min (f32x4.pmin $min $none))
      (local.set $max (f32x4.pmax $max $none))
      (local.set $scale (f32x4.div (f32x4.sub $max $min) $high))
      (local.set $zero (v128.bitselect $min
        (f32x4.sub $none (f32x4.div $min $scale))
        (f32x4.eq $scale $none)))
      (local.set $zero (f32x4.floor (f32x4.add $half (f32x4.pmin (f32x4.pmax $zero $none) $high)))))
    (local.set $word (i32x4.trunc_sat_f32x4_s $zero))
    ${perChannel(
      (channel) => `
    (v128.store32_lane 0 ${channel} $scales $scale)
    (v128.store8_lane 0 ${4 * channel} $zeros $word)
    (local.set $scales (i32.add $scales (i32.shl $perChannel 2)))
    (local.set $zeros (i32.add $zeros $perChannel))`,
    )}
    (local.set $factor (v128.andnot
      (f32x4.div (f32x4.splat (f32.const 1)) $scale)
      (f32x4.eq $scale $none)))
    ;; ONNX Runtime rounds x * factor + zero to float32 before it adds the half. One addition gives the same integer: zero is
    ;; an integer, and between one and the next plus a half float32 are equally far apart, so that both sums are rounded
    ;; up to what decides, or neither is. Where zero is 0, the half is the number before it, as above; elsewhere that
    ;; makes no difference to their sum.
    (local.set $zero (f32x4.add $zero $half))

    ;; as every step keeps the order of the values, none lies beyond the integers if neither end does
    (local.set $min ${rounded('$min')})
    (local.set $max ${rounded('$max')})
    (local.set $beyond (v128.any_true (v128.or
      (v128.or (f32x4.lt $min $none) (f32x4.gt $min $high))
      (v128.or (f32x4.lt $max $none) (f32x4.gt $max $high)))))

    (local.set $p (i32.add $tile (i32.shl $group 4)))
    (local.set $end (i32.add $p (i32.shl $rows 6)))
    (local.set $at (i32.add $out (i32.mul $stride (i32.shl $group 2))))
    (if $beyond ${words(bits, 'bounded')})
    (if (i32.eqz $beyond) ${words(bits, 'free')})
    (br_if $nextGroup (i32.lt_u (local.tee $group (i32.add $group 1)) 4)))
  ;; times 0, an infinity is NaN
  (local.set $sum (f32x4.mul $sum $none))
  (v128.any_true (f32x4.ne $sum $sum)))`;
}

function perChannel(step: (channel: number) => string): string {
  return [0, 1, 2, 3].map(step).join('');
}

/**
 * Fills the words of four channels, one after the other: 32 / bits rows fill one word of each. What is not finite makes
 * $sum so, too: a free integer is NaN then, as an infinity has a factor of 0; bounds make it a number, so that the values
 * themselves are added up.
 */
function words(bits: number, kind: 'bounded' | 'free'): string {
  const [count, isBounded] = [32 / bits, kind === 'bounded'];
  const bounded = (x: string) => (isBounded ? `(f32x4.pmin $high (f32x4.pmax $none ${x}))` : x);
  const addend = (row: number) => `
      (local.set $sum (f32x4.add $sum (v128.load ${64 * row} $p)))`;
  return `
    (loop $${kind}
      (local.set $lower ${halfWord(bits, 0, bounded)})
      (local.set $upper ${halfWord(bits, count / 2, bounded)})
      ${
        isBounded
          ? Array.from({ length: count }, (_, row) => addend(row)).join('')
          : '(local.set $sum (f32x4.add $sum (f32x4.add $lower $upper)))'
      }
      (local.set $word (v128.or
        (v128.and (f32x4.add $lower $whole) $low16)
        (i32x4.shl (f32x4.add $upper $whole) 16)))
      (v128.store32_lane 0 0 $at $word)
      (v128.store32_lane 0 1 (i32.add $at $stride) $word)
      (v128.store32_lane 0 2 (i32.add $at (i32.shl $stride 1)) $word)
      (v128.store32_lane 0 3 (i32.add $at (i32.mul $stride 3)) $word)
      (local.set $at (i32.add $at 4))
      (br_if $${kind} (i32.lt_u (local.tee $p (i32.add $p ${64 * count})) $end)))`;
}

/** The integers of the rows from `row` on, 16 bits of each channel, as one number: exact in float32. */
function halfWord(bits: number, row: number, bounded: (x: string) => string): string {
  const rows = Array.from({ length: 16 / bits }, (_, i) =>
    bounded(rounded(`(v128.load ${64 * (row + i)} $p)`)),
  );
  return rows.reduceRight(
    (sum, q) => `(f32x4.add (f32x4.mul ${sum} (f32x4.splat (f32.const ${2 ** bits}))) ${q})`,
  );
}

function rounded(x: string): string {
  return `(f32x4.floor (f32x4.add (f32x4.mul ${x} $factor) $zero))`;
}
