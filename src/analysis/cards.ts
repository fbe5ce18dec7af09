/**
 * Common graphics cards and accelerators with the memory their makers state. What a driver, a display or error
 * correction takes of it is not taken off: a few hundred MiB, more on desktops.
 */
export interface Card {
  readonly vendor: 'NVIDIA' | 'AMD' | 'Intel';
  readonly name: string;
  readonly memoryBytes: number;
}

const GiB = 2 ** 30;

/** By maker, then GiB of memory: the names of the cards that have so much. */
const byMemory: Readonly<Record<Card['vendor'], Readonly<Record<number, string>>>> = {
  NVIDIA: {
    4: 'GeForce GTX 1650',
    6: 'GeForce GTX 1660, GeForce RTX 2060',
    8:
      'GeForce GTX 1080, GeForce RTX 2070, GeForce RTX 2080, GeForce RTX 3050, GeForce RTX 3060 Ti, GeForce RTX 3070, ' +
      'GeForce RTX 4060, GeForce RTX 4060 Ti, GeForce RTX 5060',
    10: 'GeForce RTX 3080',
    11: 'GeForce GTX 1080 Ti, GeForce RTX 2080 Ti',
    12: 'GeForce RTX 3060, GeForce RTX 3080 Ti, GeForce RTX 4070, GeForce RTX 4070 Ti, GeForce RTX 5070',
    16:
      'GeForce RTX 4060 Ti 16 GB, GeForce RTX 4070 Ti SUPER, GeForce RTX 4080, GeForce RTX 5060 Ti 16 GB, ' +
      'GeForce RTX 5070 Ti, GeForce RTX 5080, RTX A4000, T4, A2, Tesla P100, Tesla V100 16 GB',
    20: 'RTX 4000 Ada',
    24: 'GeForce RTX 3090, GeForce RTX 4090, RTX A5000, Titan RTX, A10, A30, L4, Tesla P40',
    32: 'GeForce RTX 5090, RTX 5000 Ada, Tesla V100 32 GB',
    40: 'A100 40 GB',
    48: 'RTX A6000, RTX 6000 Ada, A40, L40, L40S',
    80: 'A100 80 GB, H100',
    96: 'RTX PRO 6000 Blackwell',
    141: 'H200',
    180: 'B200',
  },
  AMD: {
    8: 'Radeon RX 6600, Radeon RX 7600',
    12: 'Radeon RX 6700 XT, Radeon RX 7700 XT',
    16: 'Radeon RX 6800, Radeon RX 6900 XT, Radeon RX 7800 XT, Radeon RX 9070 XT',
    20: 'Radeon RX 7900 XT',
    24: 'Radeon RX 7900 XTX',
    32: 'Radeon PRO W6800, Instinct MI100',
    48: 'Radeon PRO W7900',
    64: 'Instinct MI210',
    128: 'Instinct MI250X',
    192: 'Instinct MI300X',
    256: 'Instinct MI325X',
  },
  Intel: {
    6: 'Arc A380',
    8: 'Arc A750',
    10: 'Arc B570',
    12: 'Arc B580',
    16: 'Arc A770 16 GB',
    24: 'Arc Pro B60',
    48: 'Data Center GPU Max 1100',
    128: 'Data Center GPU Max 1550',
  },
};

/** Least memory first, at equal memory by maker as above. */
export const cards: readonly Card[] = Object.entries(byMemory)
  .flatMap(([vendor, list]) =>
    Object.entries(list).flatMap(([size, names]) =>
      names.split(', ').map((name) => ({
        vendor: vendor as Card['vendor'],
        name,
        memoryBytes: Number(size) * GiB,
      })),
    ),
  )
  .sort((a, b) => a.memoryBytes - b.memoryBytes);

/** The cards whose memory holds so much, least memory first; empty where none does. */
export function cardsThatFit(peakBytes: number): readonly Card[] {
  return cards.filter((c) => c.memoryBytes >= peakBytes);
}
