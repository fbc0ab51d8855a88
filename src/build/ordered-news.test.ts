import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { BuildNews } from '../model/build-news.ts';
import { OrderedNews } from './ordered-news.ts';

const output = (text: string): BuildNews => ({ news: 'output', id: '', stream: 'stdout', text });
const MIB = 1024 * 1024;

test('what stages say that wait for an earlier one is bounded in all, and what is left out is told', () => {
  const told: BuildNews[] = [];
  const stages = Array.from({ length: 40 }, (_, stage) => stage);
  const news = new OrderedNews(stages, (one) => told.push(one));
  for (const stage of stages.slice(1)) {
    for (let i = 0; i < 3; i++) news.of(stage)(output('x'.repeat(MIB)));
    news.of(stage)({ news: 'stage', id: '', imageId: `of ${stage}` });
    news.end(stage);
  }
  assert.equal(told.length, 0);
  news.end(0);
  const texts = told.flatMap((one) => (one.news === 'output' ? [one.text] : []));
  const chars = texts.reduce((sum, text) => sum + text.length, 0);
  assert.ok(chars > 10 * MIB && chars < 20 * MIB, `${chars} characters`);
  assert.ok(texts.includes('[output left out]\n'));
  const images = told.flatMap((one) => (one.news === 'stage' ? [one.imageId] : []));
  assert.deepEqual(
    images,
    stages.slice(1).map((stage) => `of ${stage}`),
    'nothing else is left out',
  ); // in order
});

test('output that comes character by character counts as what it takes', () => {
  const told: BuildNews[] = [];
  const news = new OrderedNews([0, 1], (one) => told.push(one));
  for (let i = 0; i < 100_000; i++) news.of(1)(output('x'));
  news.end(1);
  news.end(0);
  assert.ok(told.length < 50_000, `${told.length} news`);
  assert.deepEqual(told.at(-1), output('[output left out]\n'));
});
