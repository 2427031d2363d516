// `eventemitter3` and `tapable`, in the shape of an event with listeners: 1, 4, 16 and 64 of them read what is told.

import EventEmitter from 'eventemitter3';
import tapable from 'tapable';

const parcel = { id: 7, weight: 3, shelf: 5, label: 'parcel '.repeat(29).slice(0, 200) };
const rounds = 2_000_000;

// What the listeners read must reach something, or the compiler leaves it out.
let read = 0;
const listener = (parcel) => { read += parcel.id + parcel.weight + parcel.shelf + parcel.label.length; };

const emitter = (count) => {
  const emitter = new EventEmitter();
  // Each listener is a function of its own, as those of different plugins are.
  for (let i = 0; i < count; i++) emitter.on('parcel', (parcel) => listener(parcel));
  return () => emitter.emit('parcel', parcel);
};

const hook = (count) => {
  const hook = new tapable.SyncHook(['parcel']);
  for (let i = 0; i < count; i++) hook.tap(`listener-${i}`, (parcel) => listener(parcel));
  return () => hook.call(parcel);
};

const nanoseconds = (tell) => {
  const measure = (times) => {
    const began = process.hrtime.bigint();
    for (let i = 0; i < times; i++) tell();
    return Number(process.hrtime.bigint() - began) / times;
  };
  measure(rounds / 10);
  // The middle one of five, since the machine does other things besides.
  return [1, 2, 3, 4, 5].map(() => measure(rounds / 5)).sort((a, b) => a - b)[2];
};

console.log(`Node ${process.version}\n\n| peer | listeners | ns |\n|---|---|---|`);
for (const [name, make] of [['eventemitter3', emitter], ['tapable SyncHook', hook]]) {
  for (const count of [1, 4, 16, 64]) console.log(`| ${name} | ${count} | ${nanoseconds(make(count)).toFixed(1)} |`);
}
if (read === 0) throw new Error('no listener was told anything');
