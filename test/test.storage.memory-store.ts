import { MemoryStore } from '../ts/storage/memory-store.ts';
import { storeSuite } from './suites/store.ts';

storeSuite('MemoryStore', () => new MemoryStore());
