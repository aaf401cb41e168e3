/**
 * avsc looks for the end of a value only once it has read all of it: a count of items that are not there keeps it busy for
 * good, or takes all memory. And it reads an int of more than 32 bits, which it then can not write. Here both are refused
 * where they are read. Replaces the methods in avsc, so it has to be imported before the first type is made.
 */
import avro from 'avsc';

/** Where avsc is in a value. Beyond the end it reads zeros. */
interface Tap {
  readonly buf: Buffer;
  pos: number;
  readInt(): number;
  readLong(): number;
  readString(): string;
  skipString(): void;
  skipLong(): void;
}

interface Readable {
  _read(tap: Tap): unknown;
  _skip(tap: Tap): void;
}

const prototypeOf = <T>(type: unknown) => (type as { prototype: T }).prototype;

/** Written so that it also refuses a position that is no number: a length of very many digits is none. */
const refuseBeyond = (tap: Tap) => {
  if (!(tap.pos <= tap.buf.length)) throw new Error('truncated buffer');
};

/** As many as these may be left: an item has at least one byte in every schema of the mesh. */
const refuseMany = (tap: Tap, items: number) => {
  if (!(items <= tap.buf.length - tap.pos)) throw new Error('truncated buffer');
};

/** How many items the next block has; 0 after the last. */
const blockCount = (tap: Tap): number => {
  const count = tap.readLong();
  if (count === 0) return 0;
  if (count < 0) tap.skipLong();
  const items = Math.abs(count);
  refuseMany(tap, items);
  return items;
};

/** Passes over all blocks: over one that says its size at once. */
const skipBlocks = (tap: Tap, skipItem: () => void) => {
  for (let left = tap.readLong(); left !== 0; left = tap.readLong()) {
    if (left < 0) {
      const size = tap.readLong();
      // Backwards it would come here again.
      if (!(size >= 0)) throw new Error('a block of a negative size');
      tap.pos += size;
      refuseBeyond(tap);
      continue;
    }
    refuseMany(tap, left);
    for (; left > 0; left -= 1) {
      skipItem();
      refuseBeyond(tap);
    }
  }
};

const int = prototypeOf<Readable>(avro.types.IntType);
int._read = (tap) => {
  const value = tap.readInt();
  if (value !== (value | 0)) throw new Error('an int of more than 32 bits');
  return value;
};

const array = prototypeOf<Readable & { itemsType: Readable }>(avro.types.ArrayType);
array._read = function (tap) {
  const { itemsType } = this;
  let items: unknown[] | undefined;
  let at = 0;
  for (let left = blockCount(tap); left > 0; left = blockCount(tap)) {
    items ??= new Array(left);
    for (; left > 0; left -= 1) {
      items[at++] = itemsType._read(tap);
      refuseBeyond(tap);
    }
  }
  return items ?? [];
};
array._skip = function (tap) {
  skipBlocks(tap, () => this.itemsType._skip(tap));
};

const map = prototypeOf<Readable & { valuesType: Readable }>(avro.types.MapType);
map._read = function (tap) {
  const { valuesType } = this;
  const values: Record<string, unknown> = {};
  for (let left = blockCount(tap); left > 0; left = blockCount(tap)) {
    for (; left > 0; left -= 1) {
      const key = tap.readString();
      const value = valuesType._read(tap);
      refuseBeyond(tap);
      // An assignment would set the object's prototype.
      if (key === '__proto__')
        Object.defineProperty(values, key, { value, enumerable: true, configurable: true, writable: true });
      else values[key] = value;
    }
  }
  return values;
};
map._skip = function (tap) {
  skipBlocks(tap, () => {
    tap.skipString();
    this.valuesType._skip(tap);
  });
};
